"""Prove the ledger's arithmetic, for all numbers: ``python -m tests.proofs``.

CrossHair follows every path through a theorem with numbers that stand for all numbers, and asks a solver
whether any of them breaks an assertion. Prints a line for each theorem. Ends with 1 if one is not proven,
or if one of the falsehoods is not refuted. Needs ``pip install -e '.[proofs]'``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tabulate import tabulate

HERE: Final = Path(__file__).parent
PROVEN: Final = "Confirmed over all paths."
SECONDS_MAX: Final = 120  # for each theorem, where a machine is slow: all of them take some seconds


def judgements(module: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each theorem of a module, and what CrossHair says of it."""
    options = ("--analysis_kind=asserts", "--report_all", f"--per_condition_timeout={SECONDS_MAX}")
    checked = subprocess.run(
        [sys.executable, "-m", "crosshair", "check", *options, f"tests.proofs.{module}"],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    said = {int(line): text for line, text in re.findall(rf"{module}\.py:(\d+): \w+: (.*)", checked.stdout)}
    if not said:
        raise SystemExit(f"CrossHair did not run: {(checked.stderr or checked.stdout).strip()}")
    name = ""
    for number, line in enumerate((HERE / f"{module}.py").read_text().splitlines(), 1):
        name = found[1] if (found := re.match(r"def (\w+)\(", line)) else name
        if number in said:
            yield name, said.pop(number)


def main() -> int:
    """Prove the theorems and refute the falsehoods; return the exit code."""
    proven, refuted = dict(judgements("theorems")), dict(judgements("falsehoods"))
    rows = [("theorem", *said) for said in proven.items()] + [("falsehood", *said) for said in refuted.items()]
    print(tabulate(rows, ("", "of the ledger", "CrossHair")))
    sound = all(said == PROVEN for said in proven.values()) and all("when calling" in s for s in refuted.values())
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
