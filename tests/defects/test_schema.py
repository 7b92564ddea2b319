"""The kit finds what is wrong in migrations, on a real server, and shows it in SQL; the migrations themselves give no alarm.

Here some of each family; all of them with ``CRM_DOMAIN_SCHEMA_DEFECTS=all``, or ``python -m tests.defects --postgres``.
"""

from __future__ import annotations

import os
from typing import Final

import psycopg
import pytest

from crm_adapters.postgres.keyed import opened
from crm_domain.testing import conformance
from tests.amounts import amount

from .hunting import hunt
from .planting_sql import Edited, SchemaDefect, Sql, damaged
from .schema import CONSTRAINTS, DEFECTS, FUNCTIONS, GRANTS, POLICIES, TRIGGERS

pytestmark = pytest.mark.thorough

LINES_MAX: Final = 6
SOME: Final = {
    "jobs_are_read_by_everybody",
    "view_of_its_owner",
    "own_profile_is_updated",
    "users_truncate",
    "everybody_executes",
    "no_charge",
    "no_credit_sync",
    "two_primary_resumes",
    "others_jobs_are_named",
    "recordings_cost_two",
    "one_charge_for_a_statement",
    "unpinned_path",
    "types_are_looked_for_in_pg_temp_first",
    "no_user_is_the_service",
}
SOUGHT: Final = [d for d in DEFECTS if os.environ.get("CRM_DOMAIN_SCHEMA_DEFECTS") == "all" or d.name in SOME]
CONTROL_WALKS: Final = amount("CRM_DOMAIN_SCHEMA_CONTROL_WALKS", thorough=5, quick=1)


@pytest.mark.parametrize("defect", SOUGHT, ids=lambda defect: defect.name)
def test_a_defect_of_the_schema_is_found(defect: SchemaDefect) -> None:
    """Under the law that must name it, in a few lines, with the SQL that shows it."""
    found = hunt(defect)
    assert found.finding is not None, found.law
    assert len(found.finding.lines) <= LINES_MAX, found.finding.log
    assert found.finding.sent


def test_there_are_enough() -> None:
    """At least 40, each with a name of its own, of every kind of thing that a migration has."""
    names = {defect.name for defect in DEFECTS}
    assert len(names) == len(DEFECTS) >= 40
    assert names >= SOME
    for family in (POLICIES, GRANTS, TRIGGERS, CONSTRAINTS, FUNCTIONS):
        assert {defect.name for defect in family} & SOME


def test_the_migrations_give_no_alarm() -> None:
    """Without damage nothing is found, neither by walks nor by probes."""
    with damaged() as dsn, opened(dsn) as backend:
        conformance(backend, walks=CONTROL_WALKS).assert_held()


def test_every_defect_can_be_planted() -> None:
    """The migrations have what each of them changes."""
    with damaged() as dsn, psycopg.connect(dsn) as connection:
        for defect in DEFECTS:
            with connection.transaction(force_rollback=True):
                for one in defect.damage:
                    one.plant(connection)


def test_an_edit_that_does_not_fit() -> None:
    """Where a function has no such text, that is an error, not a defect that is none."""
    with damaged() as dsn, psycopg.connect(dsn) as connection:
        with pytest.raises(ValueError, match="'nowhere' does not stand in crm_charge"):
            Edited("crm_charge", "nowhere", "").plant(connection)
        with pytest.raises(psycopg.errors.UndefinedTable):
            Sql("drop table nowhere").plant(connection)
