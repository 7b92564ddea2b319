"""Parts add up."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from crm_domain.simulation import Part, Scenario
from crm_domain.simulation.kernel.compiled import simulate_compiled
from crm_domain.simulation.kernel.plain import simulate_plain
from crm_domain.simulation.results.part import DAILY, EVENT_COLUMNS, HISTOGRAMS, TOTALS, USER_COLUMNS

FEW = Scenario(crm_users=6, regular_users=2, days=10)


@pytest.mark.parametrize("simulate", [simulate_plain, simulate_compiled])
def test_a_part_has_every_column_that_is_declared(simulate: Callable[..., Part]) -> None:
    """With the declared types, through the buffer protocol."""
    part = simulate(FEW, 1, keep={"users", "events"})
    for declared, columns in ((DAILY, part.daily), (HISTOGRAMS, part.histograms), (TOTALS, part.totals)):
        assert list(columns) == [f"{population}_{name}" for population in ("crm", "regular") for name in declared]
    for codes, table in ((USER_COLUMNS, part.users), (EVENT_COLUMNS, part.events)):
        assert table is not None
        assert {name: memoryview(column).format.replace("l", "q") for name, column in table.items()} == dict(codes)
    assert all(len(column) == FEW.days for column in part.daily.values())
    assert part.kept == ["users", "events"]


def test_parts_must_follow_one_another() -> None:
    """Else a user would be counted twice, or not at all."""
    first, second = simulate_plain(FEW, 1, range(3)), simulate_plain(FEW, 1, range(3, 8))
    assert (first + second).same(simulate_plain(FEW, 1))
    with pytest.raises(ValueError, match="users 3 to 8 and 0 to 3 do not follow one another: sort them by users_from"):
        second + first
    with pytest.raises(TypeError):
        first + 1  # type: ignore[operator]


def test_parts_of_different_runs_do_not_add_up() -> None:
    """Nor those with different tables."""
    first = simulate_plain(FEW, 1, range(3))
    for other in (
        simulate_plain(attrs.evolve(FEW, days=11), 1, range(3, 8)),
        simulate_plain(FEW, 1, range(3, 8), {"users"}),
    ):
        with pytest.raises(ValueError, match="they differ in their horizon or in what was kept"):
            first + other


def test_parts_of_two_engines_are_the_same_and_not_the_same() -> None:
    """`same` compares numbers, not the kind of column; and it does see a difference."""
    assert simulate_plain(FEW, 1).same(simulate_compiled(FEW, 1))
    assert not simulate_plain(FEW, 1).same(simulate_plain(FEW, 2))


def test_no_users_are_a_part() -> None:
    """Of zeros, with empty tables."""
    for simulate in (simulate_plain, simulate_compiled):
        part = simulate(FEW, 1, range(4, 4), {"users", "events"})
        assert set(part.totals.values()) == {0}
        assert part.users is not None
        assert len(part.users["user"]) == 0
        assert (part + simulate(FEW, 1, range(4, 8), {"users", "events"})).same(
            attrs.evolve(simulate(FEW, 1, range(4, 8), {"users", "events"}), users_from=4)
        )
