"""Execute the notebooks and store what they show: ``python -m tests.notebooks [NAME …]``.

Look at them afterwards, from top to bottom.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from .executing import NOTEBOOKS, executed, stored


def main(names: list[str]) -> None:
    """Execute the notebooks whose names contain one of *names*; all of them, if there are none."""
    for notebook in NOTEBOOKS:
        if not names or any(name in notebook.name for name in names):
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                content = stored(executed(notebook, Path(folder)))
            notebook.write_text(content, encoding="utf-8")
            print(f"{notebook.name:45} {time.monotonic() - started:5.1f} s {len(content) / 1000:6.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
