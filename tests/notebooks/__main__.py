"""Execute the notebooks and store what they show: ``python -m tests.notebooks [NAME …]``; ``--pictures`` for the README's.

Look at them afterwards, from top to bottom.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .executing import NOTEBOOKS, executed, stored
from .pictures import README_PICTURES, drawn, file_of


def main(names: list[str]) -> None:
    """Execute the notebooks whose names contain one of *names*, all of them if there are none; or draw the README's pictures."""
    if names == ["--pictures"]:
        for name in README_PICTURES:
            _store(file_of(name), partial(drawn, name))
        return
    for notebook in NOTEBOOKS:
        if not names or any(name in notebook.name for name in names):
            _store(notebook, partial(_executed, notebook))


def _executed(notebook: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return stored(executed(notebook, Path(folder)))


def _store(file: Path, make: Callable[[], str]) -> None:
    started = time.monotonic()
    content = make()
    file.write_text(content, encoding="utf-8")
    print(f"{file.name:45} {time.monotonic() - started:5.1f} s {len(content) / 1000:6.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
