"""How does a walk go on behind a place where a backend and the model diverged?

What differs in a look is left out of further comparison. Where the backend stored other rows, the
model takes them over. Only a line that one of them refused, and that cannot be followed, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from crm_domain.command_log import LogLine
from crm_domain.errors import Refused

from ..comparing.differences import Difference, Trait
from ..comparing.lockstep import Parting, Survey
from ..comparing.observing import Failed
from ..histories import Lines


@define
class Route:
    """A walk that is asked again and again, until nothing new is seen in it.

    Attributes:
        lines: What is asked.
        known: The traits of differences that were seen in it.
        followed: The lines after which the model takes over what the backend did.
    """

    lines: Lines
    known: set[Trait] = field(factory=set)
    followed: list[LogLine] = field(factory=list)

    def go_on(self, parting: Parting, survey: Survey) -> None:
        """Change what is asked, or compared, so that the same place shows nothing the next time."""
        group = parting.lines[len(parting.lines) - len(parting.answers[-1]) :]
        if any(not difference.traits for difference in survey.answers):
            if survey.can_follow and any(map(_is_accepted, survey.answers)):
                self.followed += group
            else:
                self._drop(parting, len(group))
        elif traits := _traits(survey.answers) - self.known:
            self.known |= traits
        elif survey.can_follow and group[0] not in self.followed:
            self.followed += group
        elif traits := _traits(survey.looks) - self.known:
            self.known |= traits
        else:
            self._drop(parting, len(group))

    def _drop(self, parting: Parting, last: int) -> None:
        until = len(parting.lines)
        self.lines = Lines((*self.lines[: until - last], *self.lines[until:]))


def _is_accepted(difference: Difference) -> bool:
    return not difference.traits and not isinstance(difference.outcome, Refused | Failed)


def _traits(differences: Iterable[Difference]) -> set[Trait]:
    return {trait for difference in differences for trait in difference.traits}
