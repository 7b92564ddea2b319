"""Have the kit find every defect that was planted: ``python -m tests.defects`` from the project's top, some minutes.

With ``--postgres`` those of the migrations, on a real server: an embedded one, or that at ``CRM_DOMAIN_POSTGRES``.

With ``--pairs`` each defect that makes reads wrong is planted together with each of the others, and the second is
sought: all take hours, ``--sample 300`` some of them.

Prints a table; ends with 1 if one was not found, or not by the law that must name it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tabulate import tabulate

from . import schema
from .catalogue import DEFECTS
from .defect import Planted
from .hunting import Hunt, hunt
from .pairs import Pair, pairs

_OF_SCHEMA: Final[Mapping[str, Planted]] = {defect.name: defect for defect in schema.DEFECTS}
_ALL: Final[Mapping[str, Planted]] = {**DEFECTS, **_OF_SCHEMA}
_HEADERS: Final = ("defect", "what is wrong", "law", "steps", "found after")
_CLEAR_LINE: Final = "\r\033[K"


def main() -> int:
    """Seek the defects that are named, or all, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.defects", description=__doc__.splitlines()[0])
    parser.add_argument("--postgres", action="store_true", help="the defects of the migrations, on a real server")
    parser.add_argument(
        "--pairs", action="store_true", help="two defects in one backend: the first must not hide the second"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="of the pairs only so many, chosen by the seed")
    parser.add_argument("--only", metavar="NAME", choices=_ALL, action="append", help="only this; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="another seed walks otherwise")
    parser.add_argument("--seconds", type=float, help="how long to look for each; else a number of walks")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown, without the sentences")
    form.add_argument("--json", action="store_true", help="print one object a line, with the sequences as command logs")
    given = parser.parse_args()
    hunts = []
    own: Mapping[str, Planted] = _OF_SCHEMA if given.postgres else DEFECTS  # some names are in both
    chosen: Sequence[Planted] = [own.get(name, _ALL[name]) for name in given.only or own]
    if given.pairs:
        chosen = list(pairs(given.sample, given.seed))
    for sought in _shown(chosen):
        shows = sought.is_shown_by if isinstance(sought, Pair) else _anything
        hunts.append(hunt(sought, seed=given.seed, seconds=given.seconds, shows=shows))
        if given.json:
            print(json.dumps(_plain(hunts[-1])), flush=True)
    if not given.json:
        print(_table(hunts, markdown=given.markdown))
    return 1 if any(found.finding is None for found in hunts) else 0


def _anything(_: object) -> bool:
    """Where one thing is wrong, whatever breaks its law shows it."""
    return True


def _shown(defects: Sequence[Planted]) -> Iterator[Planted]:
    """Yield the defects; a terminal shows how far it is, in a line that is gone at the end."""
    for n, sought in enumerate(defects, start=1):
        if sys.stderr.isatty():
            print(f"{_CLEAR_LINE}{n} of {len(defects)}: {sought.name}", end="", file=sys.stderr, flush=True)
        yield sought
    if sys.stderr.isatty():
        print(_CLEAR_LINE, end="", file=sys.stderr)


def _table(hunts: Iterable[Hunt], *, markdown: bool) -> str:
    lines = [
        (f"`{found.defect.name}`", f"`{found.law}`", found.steps, found.requests)
        if markdown
        else (found.defect.name, found.defect.what, found.law, found.steps, found.requests)
        for found in hunts
    ]
    headers = (_HEADERS[0], *_HEADERS[2:]) if markdown else _HEADERS
    return tabulate(
        lines,
        headers,
        tablefmt="github" if markdown else "simple",
        maxcolwidths=[None, None] if markdown else [None, 60],
    )


def _plain(found: Hunt) -> dict[str, Any]:
    finding = found.finding
    return {
        "defect": found.defect.name,
        "what": found.defect.what,
        "expected": found.defect.law,
        "laws": sorted(finding.laws) if finding else [],
        "others": sorted(found.others),
        "missing": list(finding.missing) if finding else [],
        "steps": found.steps,
        "requests": found.requests,
        "text": finding.text if finding else None,
        "log": finding.log if finding else None,
        "sent": list(finding.sent) if finding else [],
    }


if __name__ == "__main__":
    sys.exit(main())
