"""A database that an earlier version of the migrations made becomes what the present one makes, with its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.postgres import migrations
from crm_domain import HARDENED, SEED, Rules

from .asking import SERVICE, Database, address, broken_laws, insert, user_id
from .test_migrations import CATALOG, apply, up

MADE = Path(__file__).parent / "made"

RULES = {"seed": SEED, "hardened": HARDENED}


@pytest.fixture(params=RULES)
def rules(request: Any) -> Rules:
    """Either reading."""
    return RULES[request.param]


@pytest.fixture
def earlier(rules: Rules, make_database: Any) -> Iterator[Database]:
    """What the earlier version made, with CRM users, a regular one, and all that triggers did for them."""
    database = Database(make_database(None))
    (name,) = (name for name, known in RULES.items() if known == rules)
    database.sql((MADE / f"{name}.sql").read_text(encoding="utf-8"))
    database.sync("amy", "bob")
    database.ask(SERVICE, "select register_user(%s, %s)", address("cal"), user_id("cal"))
    for who, reference in (("amy", "1"), ("cal", "2")):
        database.ask(SERVICE, "select record_payment(%s, 12.99, %s)", user_id(who), reference)
    for who, prefix in (("amy", "crm_"), ("cal", "")):
        database.ask(who, *insert(f"{prefix}recordings", who, video_url="a", status="completed"))
        database.ask(who, *insert(f"{prefix}job_requests", who))
        database.ask(who, *insert(f"{prefix}resumes", who, resume_url="a", is_primary=True))
    database.ask("amy", "delete from crm_job_requests")
    database.balance("bob", 1)
    with database.asking(SERVICE) as connection:
        connection.execute("select use_idempotency_key('k', 'f')")
        connection.execute("select track_view(%s)", [address("amy")])
    database.ask(SERVICE, "update digital_resume_by_crm set is_active = false where email = %s", address("bob"))
    yield database
    database.close()


def whole(database: Database) -> list[Any]:
    """Return every row, with how many events each account has seen."""
    return [database.state(), database.sql("select * from account_versions order by 1")]


def catalogue(database: Database) -> list[tuple[Any, ...]]:
    """Return the catalogue; checks that came later do not look at the rows that were there, and are the same ones otherwise."""
    return [
        tuple(text.removesuffix(" NOT VALID") if text else text for text in described)
        for described in database.sql(CATALOG)
    ]


def test_it_becomes_what_the_present_version_makes(earlier: Database, rules: Rules, make_database: Any) -> None:
    """The same catalogue as a new one, with the same rows. Again changes nothing, and the rules go on from there."""
    rows = whole(earlier)
    assert all(rows[1])
    with closing(Database(make_database(rules))) as fresh:
        for _ in range(2):
            up(earlier, rules)
            assert catalogue(earlier) == catalogue(fresh)
            assert whole(earlier) == rows
    earlier.record("amy", video_url="b")
    assert earlier.balance_of("amy") == 5
    assert broken_laws(earlier) == {}


def test_the_way_back_needs_no_way_up(earlier: Database, rules: Rules, make_database: Any) -> None:
    """The present version's way back takes away what the earlier version made, in every schema."""
    apply(earlier, *(migration.down for migration in reversed(migrations(rules))))
    with closing(Database(make_database(None))) as plain:
        assert earlier.sql(CATALOG) == plain.sql(CATALOG)
