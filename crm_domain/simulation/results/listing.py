"""How does a table of results read, as plain text and in a notebook?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from attrs import field, frozen

_STYLE: Final = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.4em 0"
_CELL: Final = "padding:.15em .7em;border:0;text-align:{align};white-space:nowrap"
_RULE: Final = "border-bottom:1px solid currentColor"
_QUIET: Final = "opacity:.7;font-size:90%"


@frozen(kw_only=True)
class Listing:
    """A table of text: its first column says what a row is about, the others are numbers.

    Attributes:
        title: What it shows, in a line.
        head: The names of the columns.
        rows: The cells, row by row.
        hints: For each row what its first cell means; shown where a reader points at it.
        notes: Sentences below the table.
        pictures: SVG images that a notebook shows below the table.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        rule = "  ".join("─" * width for width in widths)
        lines = [self.title, "", _aligned(self.head, widths), rule]
        lines += [_aligned(row, widths) for row in self.rows]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def html(self) -> str:
        """Return the table for a notebook; it takes the notebook's own colours."""
        head = "".join(_cell(text, place, tag="th", rule=True) for place, text in enumerate(self.head))
        hints = self.hints or ("",) * len(self.rows)
        rows = "".join(
            f'<tr title="{escape(hint)}">{"".join(_cell(text, place) for place, text in enumerate(row))}</tr>'
            for row, hint in zip(self.rows, hints, strict=True)
        )
        notes = "".join(f'<div style="{_QUIET}">{escape(note)}</div>' for note in self.notes)
        table = f'<table style="{_STYLE}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        return f"<div><strong>{escape(self.title)}</strong>{table}{''.join(self.pictures)}{notes}</div>"


def sparkline(title: str, values: Sequence[float], last: str) -> str:
    """Return a small SVG line of values, with what they are on its left and a text on its right."""
    width, height, top = 220, 28, max([*values, 0]) or 1
    step = width / max(len(values) - 1, 1)
    points = " ".join(f"{n * step:.1f},{height - 2 - (height - 4) * value / top:.1f}" for n, value in enumerate(values))
    line = f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round"/>'
    image = f'<svg width="{width}" height="{height}" role="img" aria-label="{escape(title)}">{line}</svg>'
    label = f'<span style="display:inline-block;min-width:13em">{escape(title)}</span>'
    return (
        f'<div style="display:flex;align-items:center;gap:.8em;padding-left:.7em">{label}{image}'
        f'<span style="{_QUIET}">{escape(last)}</span></div>'
    )


def _aligned(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]).rstrip()


def _cell(text: str, place: int, *, tag: str = "td", rule: bool = False) -> str:
    style = _CELL.format(align="right" if place else "left") + (f";{_RULE}" if rule else "")
    shown = escape(text).replace("  ", "&emsp;")  # where a row belongs to the one above it
    return f'<{tag} style="{style}">{shown}</{tag}>'
