"""How are parts put together that come in any order?"""

from __future__ import annotations

from attrs import define, field

from .tables import Part


@define
class Pile:
    """Parts of one run.

    Counts are added as soon as neighbours are there, so that few are held at a time. Tables of users
    or events are joined at the end, in halves, so that no row is copied often.
    """

    _by_start: dict[int, Part] = field(factory=dict)
    _starts: dict[int, int] = field(factory=dict)  # by the end of a part
    users: int = 0

    def add(self, part: Part) -> None:
        """Put one more part on the pile."""
        self.users += part.users_to - part.users_from
        if not part.kept:
            before, after = self._starts.pop(part.users_from, None), self._by_start.pop(part.users_to, None)
            if before is not None:
                part = self._by_start.pop(before) + part
            if after is not None:
                part += after
        self._by_start[part.users_from] = part
        self._starts[part.users_to] = part.users_from

    def first(self) -> Part | None:
        """Return what there is without a gap from user 0 on; None if there is nothing."""
        row, end = [], 0
        while end in self._by_start:
            row.append(self._by_start[end])
            end = row[-1].users_to
            if end == row[-1].users_from:
                break
        return _joined(row) if row else None


def _joined(parts: list[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _joined(parts[:half]) + _joined(parts[half:])
