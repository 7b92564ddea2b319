"""Which ids of a system that chooses its own stand for which of the kit's?

The kit names every person and row by an id that it chose, so that a walk can come back to them, and a
counterexample can be read. A system that makes its own ids takes over nothing of that: anyone who drives
it notes which id came back for which.

>>> ids = OwnIds()
>>> ids.learn("recordings", "1b4e28ba-2fa1-11d2-883f-0016d3cca427", 17)
True
>>> ids.theirs("recordings", "1b4e28ba-2fa1-11d2-883f-0016d3cca427")
17
>>> ids.ours("recordings", 17)
'1b4e28ba-2fa1-11d2-883f-0016d3cca427'
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from crm_domain.clocks import label_uuid
from crm_domain.ids import uuid_text


@define
class OwnIds:
    """Pairs of ids, by the name of the table that they are of; people's are of ``auth.users``."""

    _theirs: dict[tuple[str, Any], Any] = field(factory=dict, init=False)
    _ours: dict[tuple[str, Any], str] = field(factory=dict, init=False)

    def clear(self) -> None:
        """Forget everything, as a backend that is reset does."""
        self._theirs.clear()
        self._ours.clear()

    def learn(self, table: str, ours: str, theirs: Any) -> bool:
        """Note that *theirs* came back for *ours*.

        Returns:
            Whether that can be: not if *ours* stands for another id, unless *theirs* was known before,
            under any name; then it is found again, and nothing is noted.
        """
        known = self._theirs.get((table, ours))
        if known is not None or (table, theirs) in self._ours:
            return known == theirs or (table, theirs) in self._ours
        self._theirs[table, ours], self._ours[table, theirs] = theirs, ours
        return True

    def forget(self, table: str, ours: str) -> None:
        """Forget what *ours* stands for: the row is gone, and another may have its name."""
        self._ours.pop((table, self._theirs.pop((table, ours), None)), None)

    def knows(self, table: str, ours: Any) -> bool:
        """Tell whether *ours* stands for an id of the system."""
        return (table, ours) in self._theirs

    def theirs(self, table: str, ours: Any) -> Any:
        """Return the system's id; of what it does not know, the kit's own, which is then none of the system's."""
        return self._theirs.get((table, ours), ours)

    def ours(self, table: str, theirs: Any) -> str | None:
        """Return the kit's id; of what the kit did not ask for, a UUID that is always the same."""
        if theirs is None:
            return None
        return self._ours.get((table, theirs)) or _as_uuid(table, theirs)


def _as_uuid(table: str, theirs: Any) -> str:
    try:
        return uuid_text(str(theirs), "id")
    except ValueError:
        return label_uuid(f"{table} {theirs}")
