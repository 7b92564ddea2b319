"""Benchmarks are run by hand (``python -m tests.bench``); no test asserts a time, so pytest collects none."""

collect_ignore_glob = ["*.py"]
