"""``crm-domain stats``: rows, bytes, events and credits of a file."""

from __future__ import annotations

from typing import Any

import pytest

from crm_adapters.cli.commands.stats import _size
from crm_domain import HARDENED, TABLES
from crm_domain.rows import CRM_TABLES


@pytest.fixture
def stats(call: Any, shop: Any) -> dict[str, Any]:
    """All figures, as JSON."""
    (found,) = call("stats", "--json").objects
    assert isinstance(found, dict)
    return found


def test_every_table_is_counted(stats: dict[str, Any], shop: Any) -> None:
    """All five CRM tables first, the main one too, which LIKE 'crm_%' misses; then all others."""
    with shop() as crm:
        expected = {name.replace(".", "_"): crm.as_service().count(name) for name in TABLES}
        expected |= {"journal": len(crm.journal)}
    counted = {row["table_name"]: row["record_count"] for row in stats["tables"]}
    assert {name: counted[name] for name in expected} == expected
    assert [row["table_name"] for row in stats["tables"] if row["is_crm"]] == [table.name for table in CRM_TABLES]
    assert list(counted)[:5] == [table.name for table in CRM_TABLES]


def test_sizes_add_up(stats: dict[str, Any]) -> None:
    """Each table takes at least a page, all of them no more than the file."""
    sizes = [row["bytes"] for row in stats["tables"]]
    assert min(sizes) >= 4096
    assert sum(sizes) <= stats["bytes"]


def test_credits_of_everybody(stats: dict[str, Any]) -> None:
    """Granted by source; what was granted was consumed, was voided, or remains."""
    assert stats["credits"] == {"granted": {"initial": 8, "payment": 3}, "consumed": 2, "voided": 0, "remaining": 9}


def test_the_journal_and_the_rules(stats: dict[str, Any], keep: Any) -> None:
    with keep() as crm:
        assert stats["events"] == len(crm.journal)
    assert (stats["first_at"], stats["last_at"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:07:00Z")
    assert stats["rules"] == "hardened"
    assert stats["path"].endswith("/crm.db")


def test_people_read_tables(call: Any, shop: Any) -> None:
    shown = call("stats").stdout
    assert [" ".join(line.split()) for line in shown.splitlines()[2:5]] == [
        "rules hardened",
        "events 20 2026-01-01 00:00 to 2026-01-01 00:07 (UTC)",
        "credits granted 11 initial 8, payment 3",
    ]
    five, _, others = shown.partition("All other tables\n")
    assert "The five CRM tables (LIKE 'crm_%' would miss the first)\n" in five
    assert [line.split()[:2] for line in five.splitlines()[-7:-1]][1:] == [
        ["digital_resume_by_CRM", "2"],
        ["crm_job_requests", "1"],
        ["crm_recordings", "2"],
        ["crm_resumes", "0"],
        ["crm_dashboard_stats", "2"],
    ]
    assert "journal" in others
    assert max(map(len, shown.splitlines()[1:])) <= 80


def test_csv_has_the_tables(call: Any, stats: dict[str, Any]) -> None:
    header, first, *rest = call("stats", "--csv").stdout.splitlines()
    assert header == "table_name,is_crm,record_count,bytes"
    assert first == f"digital_resume_by_CRM,true,2,{stats['tables'][0]['bytes']}"
    assert len(rest) + 1 == len(stats["tables"])


def test_an_empty_file_has_figures_too(call: Any, keep: Any) -> None:
    """Nothing happened, and nobody has credits."""
    with keep(HARDENED.without("one_primary")):
        pass
    (found,) = call("stats", "--json").objects
    assert (found["events"], found["first_at"], found["last_at"]) == (0, None, None)
    assert found["credits"] == {"granted": {}, "consumed": 0, "voided": 0, "remaining": 0}
    assert found["rules"] == "hardened,-one_primary"
    assert [line.split() for line in call("stats").stdout.splitlines()[3:5]] == [
        ["events", "0"],
        ["credits", "granted", "0"],
    ]


def test_without_dbstat_sizes_are_left_out_and_it_is_said(
    call: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some builds of SQLite cannot tell them; all else is there."""
    monkeypatch.setattr("crm_adapters.sqlite.figures._KNOWS_SIZES", "SELECT 0")
    assert call("stats").stdout.endswith("\nThis SQLite was built without dbstat, which tells the sizes of tables.\n")
    assert {row["bytes"] for row in call("stats", "--json").objects[0]["tables"]} == {None}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 kB"), (409_636_864, "390.7 MB"), (2**60, "1048576.0 TB")],
)
def test_sizes_read_well(number: int, text: str) -> None:
    assert _size(number) == text
