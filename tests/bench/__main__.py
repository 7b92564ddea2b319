"""Run the benchmarks: ``python -m tests.bench`` from the project's top, a few minutes.

Prints ratios against anchors that ran in the same rounds; only ratios mean something on another
machine. ``--quick`` takes half a minute, to see that the benchmarks work; its figures say little.
"""

from __future__ import annotations

import argparse
import platform

from . import file, growth, in_memory, memory, workload
from .table import shown


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, to see that the benchmarks work")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--only", choices=("speed", "growth", "memory", "file"), help="measure only this")
    parser.add_argument("--rounds", type=int, help="how often each case runs")
    given = parser.parse_args()
    quick = given.quick
    rounds = given.rounds or (3 if quick else 5)
    w = workload.make(1_000, 20_000) if quick else workload.make()
    lines = []
    if given.only in {None, "speed"}:
        lines += in_memory.measured(w, slice_=2_000 if quick else 20_000, rounds=rounds)
    if given.only in {None, "growth"}:
        few, many = (2_000, 50_000) if quick else (20_000, 500_000)
        lines += growth.measured(users=few // 10, few=few, many=many, probe=few // 3, rounds=2 * rounds)
    if given.only in {None, "memory"}:
        lines += memory.measured(w, of_one_kind=len(w.commands) // 25)
    if given.only in {None, "file"}:
        part = workload.make(1_000, 5_000) if quick else workload.make(2_000, 30_000)
        lines += file.measured(part, each=500 if quick else 3_000, rounds=rounds)
    print(
        f"W: {len(w.emails):,} users, {len(w.commands):,} commands; median of {rounds} rounds (growth: {2 * rounds}), "
        f"CPU time, in files wall time; Python {platform.python_version()}\n"
    )
    print(shown(lines, markdown=given.markdown))


if __name__ == "__main__":
    main()
