"""Change the rules one small step at a time, and see that a test notices: ``python -m tests.mutation [MODULE …]``.

Prints a line for each module, and every mutant that no test noticed. Ends with 1 if there is one
that is not listed as equivalent, or if the list says something that is not so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen
from tabulate import tabulate

from .equivalent import Equivalents
from .mutants import Mutant, mutants_of
from .running import TOP, noticed_quickly, passes

MODULES = (
    *("credits", "counters", "isolation", "decide", "decision", "evolve"),
    *("provisioning", "creation", "changes", "payments", "activity", "addresses", "idempotency"),
    *("commands", "rows", "rules", "schema", "events"),
)
"""The rules, the decisions, the declarations."""

DOMAIN = "tests/domain"
SLOW = [f"{DOMAIN}/refusals", f"{DOMAIN}/test_interrupts.py", f"{DOMAIN}/memory", f"{DOMAIN}/laws"]
KIT = f"{DOMAIN}/kit"  # tests of what tests others, not of the rules
QUICK = [DOMAIN, "-k=not test_the_first_in_precedence_wins", *(f"--ignore={path}" for path in (KIT, *SLOW[1:]))]


def own_tests_of(module: str) -> list[str]:
    """Return the module's own tests; those of decisions where it has none."""
    own = f"{DOMAIN}/test_{module}.py"
    return [own if (TOP / own).exists() else f"{DOMAIN}/test_decisions.py"]


@frozen
class Score:
    """What became of the mutants of one module."""

    module: str
    mutants: int
    equivalent: int
    missed: int
    minutes: float

    def cells(self) -> tuple[str, int, int, int, int, str]:
        """Return it as a line of the table."""
        noticed = self.mutants - self.equivalent - self.missed
        return (self.module, self.mutants, noticed, self.equivalent, self.missed, f"{self.minutes:.0f}")


def score_of(
    module: str, mutants: Sequence[Mutant], equivalents: Equivalents, complain: Callable[[str], None]
) -> Score:
    """Run the mutants of a module, each until a test notices it, and say at once what is not as it should be."""
    started, missed = time.monotonic(), 0
    others = [mutant for mutant in mutants if not equivalents.has(mutant)]
    for mutant, noticed in zip(others, noticed_quickly(QUICK, others), strict=True):
        if not noticed and all(passes(tests, mutant) for tests in (own_tests_of(module), QUICK, SLOW)):
            missed += 1
            complain(f"missed: {mutant}")
    for mutant in mutants:
        if equivalents.has(mutant) and not passes(QUICK, mutant):
            complain(f"listed, and yet noticed: {mutant}")
    return Score(module, len(mutants), len(mutants) - len(others), missed, (time.monotonic() - started) / 60)


def main() -> int:
    """Run the mutants of the modules named, or of all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=str(__doc__).splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all if none is named")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    given = parser.parse_args()
    if unknown := sorted(set(given.modules) - set(MODULES)):
        parser.error(f"there is no module {', '.join(unknown)}")
    mutants = {m: list(mutants_of(m, (TOP / f"crm_domain/{m}.py").read_text())) for m in given.modules or MODULES}
    if given.list:
        print(*(mutant for found in mutants.values() for mutant in found), sep="\n")
        return 0
    if not (passes(QUICK) and passes(SLOW)):
        print(f"{DOMAIN} fails without any change: mend that first")
        return 2
    return run(mutants, Equivalents.read())


def run(mutants: Mapping[str, Sequence[Mutant]], equivalents: Equivalents) -> int:
    """Run all these mutants and print what became of them."""
    complaints: list[str] = []

    def complain(text: str) -> None:
        complaints.append(text)
        print(text, flush=True)

    for told in equivalents.outdated(mutants):
        complain(f"listed, and not there: {told}")
    scores = [score_of(module, found, equivalents, complain) for module, found in mutants.items()]
    print(tabulate([s.cells() for s in scores], ("module", "mutants", "noticed", "equivalent", "missed", "minutes")))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
