"""How is a report read? As text, and as HTML in a notebook."""

from __future__ import annotations

import html
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from ..comparing.tolerances import TOLERANCES

if TYPE_CHECKING:
    from .reports import Finding, Report, Verdict

_WIDTH: Final = 110
_REASONS_MAX: Final = 4


def as_text(report: Report, title: str = "", *, in_python: bool = False) -> str:
    """Return a report for people.

    Args:
        report: The report.
        title: What was examined.
        in_python: Whether sequences are scripts rather than command logs.
    """
    parts = (_summary(report, title), _laws(report), *_findings(report, in_python=in_python))
    return "\n\n".join(parts)


def summary_of(report: Report) -> str:
    """Return in one sentence what was found, or why that says little."""
    requests = (
        f"{report.requests:,} requests in {report.walks:,} random walks (seed {report.seed}), {report.seconds:.1f} s"
    )
    if report.findings:
        return f"{requests}: {_number(len(report.broken), 'law')} broken, in {_number(len(report.findings), 'way')}."
    if report.not_exercised:
        return f"{requests}: nothing is broken that was tried; not exercised: {', '.join(report.not_exercised)}."
    return f"{requests}: no law is broken."


def _summary(report: Report, title: str) -> str:
    lines = [
        f"{title + ', held' if title else 'Held'} to the rules: {report.rules}",
        summary_of(report),
        *_remarks(report),
    ]
    return "\n".join(textwrap.fill(line, _WIDTH) for line in lines)


def _remarks(report: Report) -> Iterator[str]:
    """Yield what limits, or explains, what was found."""
    if report.ended:
        yield f"It ended early, as {report.ended}. This is what was found until then."
    if report.lacking:
        yield f"It does as the rules would without: {', '.join(report.lacking)}"
    if report.unseen:
        yield f"Not shown, and so not compared: {', '.join(report.unseen)}"
    if report.untaken:
        yield f"Not taken, and so not asked for: {', '.join(report.untaken)}"
    for name, times in report.tolerated.items():
        yield f"Tolerated, met {_number(times, 'time')}: {name}. {TOLERANCES[name]}"
    if report.untried:
        yield f"Known holes not tried: {'; '.join(_reasons(report))}"


def _reasons(report: Report) -> Iterator[str]:
    """Yield why holes were not tried, and how many for each reason."""
    reasons = Counter(report.untried.values())
    for reason, times in reasons.most_common(_REASONS_MAX):
        yield f"{times} ({reason})"
    if rest := sum(times for _, times in reasons.most_common()[_REASONS_MAX:]):
        yield f"{rest} (other reasons)"


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _cells(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Yield the line of each law: its number, its name, the verdict, and the evidence or the place."""
    numbers = {id(finding): n for n, finding in enumerate(report.findings, 1)}
    for verdict in report.verdicts:
        yield str(verdict.law.number), verdict.law.name, verdict.verdict, _evidence(verdict, numbers)


def _evidence(verdict: Verdict, numbers: dict[int, int]) -> str:
    if verdict.finding is not None:
        return f"{verdict.reason} (sequence {numbers[id(verdict.finding)]})"
    return verdict.evidence


def _laws(report: Report) -> str:
    return "Laws\n" + columns((("", "law", "", "how often, where first, or why not"), *_cells(report)))


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as columns under a rule; the last cell is wrapped to what room is left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)][:-1]
    room = max(_WIDTH - sum(widths) - 2 * len(widths), 20)
    written = []
    for line in (*lines[:1], [*("-" * width for width in widths), "-" * room], *lines[1:]):
        first, *rest = textwrap.wrap(line[-1], room) or [""]
        cells = [*map(str.ljust, line[:-1], widths), first]
        written.append("  ".join(cells).rstrip())
        written += [" " * (sum(widths) + 2 * len(widths)) + more for more in rest]
    return "\n".join(written)


def _findings(report: Report, *, in_python: bool) -> Iterator[str]:
    for n, finding in enumerate(report.findings, 1):
        sequence = finding.python(report.rules) if in_python else finding.log
        yield f"Sequence {n}: {_title(finding)}\n{finding.text}\n\n{_indented(sequence)}{_sent(finding)}".rstrip()


def _title(finding: Finding) -> str:
    laws = ", ".join(violation.law.name for violation in finding.violations)
    return laws + (f" (as without {' and '.join(finding.missing)})" if finding.missing else "")


def _sent(finding: Finding) -> str:
    return f"\nWhat was sent:\n{_indented(chr(10).join(finding.sent))}" if finding.sent else ""


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def as_html(report: Report) -> str:
    """Return a report as a table of laws, and the sequences behind it, to be opened one by one."""
    heads = "".join(f"<th>{head}</th>" for head in ("", "law", "", "how often, where first, or why not"))
    lines = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>" for cells in _cells(report)
    )
    sequences = "".join(
        f"<details><summary>Sequence {n}: {html.escape(_title(finding))}</summary>"
        f"<p>{html.escape(finding.text)}</p><pre>{html.escape(finding.log)}</pre></details>"
        for n, finding in enumerate(report.findings, 1)
    )
    remarks = "".join(f"<p>{html.escape(text)}</p>" for text in (summary_of(report), *_remarks(report)))
    return f"{remarks}<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>{sequences}"
