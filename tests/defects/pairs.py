"""Does one defect hide another? Those that make reads wrong, each planted together with each of the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any, Final

from attrs import field, frozen

from crm_domain.testing import AMY, BOB, Lines
from crm_domain.testing.comparing.capabilities import Capabilities
from crm_domain.testing.comparing.lockstep import Lockstep, understood
from crm_domain.testing.comparing.twins import noticed, replayed_otherwise

from .catalogue import DEFECTS
from .defect import Defect
from .planting import Attribute, Entry, Slip

_READS: Final = (
    "anon_reads_nothing_without_refusal",
    "everything_is_read_by_everybody",
    "one_table_without_a_policy",
    "keys_open_every_row",
    "own_payments_are_hidden",
    "deactivated_users_are_blind",
    "foreign_dashboards_are_refused",
    "dashboard_in_the_wrong_column",
    "dashboard_without_a_date",
    "dashboard_of_the_first_balance",
    "first_page_only",
    "conditions_of_reads_are_ignored",
    "without_private_dashboard",
)
"""The defects that make an answer to a read wrong, and may hide what else is.

Not among them is ``service_meets_row_policies``: it refuses commands of the service, so that there are no CRM users.
"""


@frozen(kw_only=True)
class Pair(Defect):
    """Two defects in one backend; the second is sought.

    Attributes:
        second: The one that is sought.
    """

    second: Defect = field()

    def is_shown_by(self, lines: Lines) -> bool:
        """Tell whether lines show the second defect where it is alone."""
        return goes_wrong(self.second, lines)


def pair(first: Defect, second: Defect) -> Pair | None:
    """Return two defects as one, or None if both change the same place."""
    if {_place(swap) for swap in first.swaps} & {_place(swap) for swap in second.swaps}:
        return None
    return Pair(
        name=f"{first.name} & {second.name}",
        what=second.what,
        law=second.law,
        swaps=(*first.swaps, *second.swaps),
        without=(*first.without, *second.without),
        rules=second.rules,
        drive=second.drive,
        asked=second.asked,
        second=second,
    )


def _place(swap: Any) -> tuple[int, object]:
    match swap:
        case Slip():
            return id(swap.function), None
        case Attribute():
            return id(swap.owner), swap.name
        case Entry():
            return id(swap.owner), swap.key
    return id(swap), None


def pairs(number: int | None = None, seed: int = 0) -> Iterator[Pair]:
    """Yield every pair that can be planted, or a *number* of them, chosen by chance."""
    reads = [DEFECTS[name] for name in _READS]
    all_ = [found for one, two in product(reads, DEFECTS.values()) if one is not two and (found := pair(one, two))]
    yield from all_ if number is None else Random(seed).sample(all_, number)


def goes_wrong(defect: Defect, lines: Lines) -> bool:
    """Tell whether lines show a defect: to the model, to a user whom others disturb, or when they are asked again."""
    with defect.planted() as backend:
        asked, has = understood(lines, backend), Capabilities.of(backend)
        if Lockstep(backend, defect.rules).first(asked) is not None:
            return True
        if any(next(noticed(backend, asked, person, has.looks), None) for person in (AMY, BOB)):
            return True
        return next(replayed_otherwise(backend, asked, has.looks), None) is not None
