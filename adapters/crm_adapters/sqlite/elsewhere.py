"""What may this process not do itself? Read a database otherwise than through SQLite; see `handle`.

Another process may: locks are a process's own, and only this one would drop what it has.
"""

from __future__ import annotations

import subprocess
import sys


def in_another_process(code: str, *arguments: object) -> str:
    """Run a few lines of Python in a process of their own; return what they print.

    Args:
        code: The lines.
        arguments: What they find from ``sys.argv[1]`` on.

    Raises:
        OSError: They failed.
    """
    done = subprocess.run(  # noqa: S603 - our own lines
        [sys.executable, "-I", "-c", code, *map(str, arguments)], capture_output=True, check=False, encoding="utf-8"
    )
    if done.returncode:
        raise OSError(done.returncode, (done.stderr.splitlines() or ["it failed"])[-1])
    return done.stdout
