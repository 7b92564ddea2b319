"""What is wrong with a file is found, named with its place, and nothing is changed by looking."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.sqlite import SqliteStore, StoreBusy, StoreError
from crm_adapters.sqlite.locking import FileLock
from crm_adapters.sqlite.schema import VERSION
from crm_adapters.sqlite.verification import CHECKS, Difference, Problem, Verification
from crm_domain import HARDENED, SAFEGUARDS, SEED, TABLES, Crm, Rules
from crm_domain.clocks import label_uuid

AMY, BOB = label_uuid("amy"), label_uuid("bob")
JOB, RECORDING, RESUME = label_uuid("amy job"), label_uuid("amy recording"), label_uuid("amy resume")


def lived(path: Path, rules: Rules = HARDENED) -> Path:
    """Make a file in which two people have done one of everything."""
    with SqliteStore(path) as store:
        crm = Crm(store, rules=rules)
        service = crm.as_service()
        for id_, name in ((AMY, "amy"), (BOB, "bob")):
            service.sync_crm_user(user_id=id_, email=f"{name}@example.com")
            service.record_payment(id=label_uuid(f"{name} pays"), user_id=id_, amount="12.99", ref=name)
            person = crm.as_user(id_)
            job = person.create_job_request(id=label_uuid(f"{name} job")).id
            person.create_recording(id=label_uuid(f"{name} recording"), job_request_id=job)
            person.upload_resume(id=label_uuid(f"{name} resume"), resume_url="a", parsed_data={"a": [1]})
    return path


@pytest.fixture
def file(path: Path) -> Path:
    """A sound file in which two people have done one of everything."""
    return lived(path)


def altered(path: Path, *statements: str) -> Path:
    """Run SQL behind the library's back, with no constraint of the tables in its way."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        raw.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            raw.execute(statement)
    return path


def problems(path: Path, *checks: str) -> list[str]:
    """Return what is wrong with a file."""
    return [str(problem) for problem in Verification(path).problems(checks or CHECKS)]


def test_a_sound_file_has_no_problems(file: Path) -> None:
    verification = Verification(file)
    assert list(verification.problems()) == []
    assert verification.rules == HARDENED
    assert verification.counts == {"events": 22, "rows": 22, "laws": 10}


def test_an_empty_file_is_sound(path: Path) -> None:
    with SqliteStore(path) as store:
        store.open(SEED)
    assert problems(path) == []


LABELS_SQL = 'CREATE TABLE "labels" ("id" TEXT PRIMARY KEY, "label" TEXT NOT NULL) STRICT'
REF_SQL = 'CREATE UNIQUE INDEX "payments_ref_key" ON "payments" ("ref")'

DAMAGES = {
    "a value that its column forbids": (
        "UPDATE profiles SET credits_remaining = -1",
        ["pages: CHECK constraint failed in profiles"] * 2,
    ),
    "a missing index": ("DROP INDEX payments_ref_key", [f"schema: index payments_ref_key: is missing, should be {REF_SQL!r}"]),
    "a changed table": (
        "UPDATE sqlite_master SET sql = sql || ' -- more' WHERE name = 'labels'",
        [f"schema: table labels: is {LABELS_SQL + ' -- more'!r}, should be {LABELS_SQL!r}"],
    ),
    "a trigger": (
        "CREATE TRIGGER cheat AFTER INSERT ON payments BEGIN UPDATE profiles SET credits_remaining = 9; END",
        ["schema: trigger cheat: changes rows behind the journal's back"],
    ),
    "another version": ("PRAGMA user_version = 0", [f"schema: user_version: is 0, should be {VERSION}"]),
    "no rules": (
        "DELETE FROM store_metadata WHERE name = 'credit_policy'",
        ["schema: store_metadata: its table store_metadata does not tell the rules: KeyError('credit_policy')"],
    ),
    "no table of rules": (
        "DROP TABLE store_metadata",
        ["schema: could not be looked at to its end: no such table: store_metadata"],
    ),
    "a reference that leads nowhere": (
        f"DELETE FROM crm_job_requests WHERE user_id = '{AMY}'",
        [
            f"references: crm_recordings {RECORDING}: job_request_id is '{JOB}', which crm_job_requests does not have"
        ],
    ),
    "a missing event": (
        "DELETE FROM journal WHERE position = 3",
        ["journal: position 3 is missing", f"journal: account {AMY}: version 3 is missing"],
    ),
    "missing events": (
        "DELETE FROM journal WHERE position BETWEEN 3 AND 5",
        ["journal: position 6 comes after 2", f"journal: account {AMY}: version 6 comes after 2"],
    ),
    "an unknown event": (
        "UPDATE journal SET type = 'Nonsense' WHERE position = 3",
        ["journal: position 3: cannot be read, so what comes after it was not: ValueError: event: there is no type"],
    ),
    "an event of another form": (
        "UPDATE journal SET data = '[]' WHERE position = 3",
        ["journal: position 3: cannot be read, so what comes after it was not: ValidationError: "],
    ),
    "an event that does not fit": (
        f"UPDATE journal SET data = replace(data, '{AMY}/1', 'none') WHERE type = 'CreditConsumed' AND account = '{AMY}'",
        ["journal: position 10: cannot be read, so what comes after it was not: "],
    ),
    "an event of another account": (
        f"UPDATE journal SET data = replace(data, '{AMY}', '{BOB}') WHERE position = 2",
        [f"journal: position 2: account is {AMY}, should be {BOB}"],
    ),
    "no journal": ("DROP TABLE journal", ["journal: could not be looked at to its end: no such table: journal"]),
    "another value": (
        f"UPDATE profiles SET credits_remaining = 77, created_at = 'no time' WHERE user_id = '{AMY}'",
        [f"rows: profiles {AMY}: credits_remaining is 77, should be 6, created_at is 'no time', should be '20"],
    ),
    "a missing row": (f"DELETE FROM profiles WHERE user_id = '{AMY}'", [f"rows: profiles {AMY}: is missing"]),
    "another row": (
        f"UPDATE crm_resumes SET id = 'other' WHERE user_id = '{AMY}'",
        [
            "rows: crm_resumes other: is there, and the journal does not know of it",
            f"rows: crm_resumes {RESUME}: is missing",
        ],
    ),
    "a table that is gone": (
        "DROP TABLE idempotency_keys",
        ["rows: could not be looked at to its end: no such table: idempotency_keys"],
    ),
    "a lost credit": (
        """UPDATE store_metadata SET value = replace(value, '"initial_credits": 4', '"initial_credits": 5')""",
        [
            f"laws: balance_equals_granted_minus_consumed: credit_grants {id_}/1: 4 initial credits, expected 5"
            for id_ in (AMY, BOB)
        ],
    ),
}  # fmt: skip
"""What is done to a file behind the library's back, and how the problems begin that one check finds."""


@pytest.mark.parametrize(("statement", "expected"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_wrong_is_named_with_its_place(file: Path, statement: str, expected: list[str]) -> None:
    """Each kind of damage is found by the check that is for it; what is, and what should be, is told."""
    altered(file, statement)
    check = expected[0].partition(":")[0]
    found = [problem for problem in problems(file) if problem.startswith(f"{check}: ")]
    assert [problem[: len(wanted)] for problem, wanted in zip(found, expected, strict=True)] == expected


def test_a_row_that_differs_tells_column_by_column(file: Path) -> None:
    altered(file, f"UPDATE profiles SET credits_remaining = 77 WHERE user_id = '{AMY}'")
    (problem,) = Verification(file).problems()
    assert problem == Problem(
        check="rows",
        where=f"profiles {AMY}",
        what="credits_remaining is 77, should be 6",
        columns={"credits_remaining": Difference(found=77, expected=6)},
    )


def test_events_lost_at_the_end_are_missed_by_the_rows(file: Path) -> None:
    """Where the last events are gone nothing shows a gap, but rows are there that nothing tells of."""
    altered(file, "DELETE FROM journal WHERE position > 20")
    assert problems(file, "journal") == []
    assert f"rows: crm_resumes {label_uuid('bob resume')}: is there, and the journal does not know of it" in problems(
        file
    )


def test_rows_and_laws_are_passed_over_where_the_journal_is_broken(file: Path) -> None:
    altered(file, "DELETE FROM journal WHERE position = 3")
    verification = Verification(file)
    assert {problem.check for problem in verification.problems()} == {"journal"}
    assert verification.counts == {"events": 21}


def test_laws_bind_where_every_safeguard_is_on(path: Path) -> None:
    """A file that was kept with a hole may hold what breaks a law; that alone does not make it unsound."""
    with SqliteStore(path) as store:
        crm = Crm(store, rules=HARDENED.without("profile_read_only"))
        crm.as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
        crm.as_user(AMY).update(table="profiles", set={"credits_remaining": 100})
    verification = Verification(path)
    assert (list(verification.problems()), verification.laws_bind, verification.counts["laws"]) == ([], False, 0)
    altered(path, f"UPDATE store_metadata SET value = '{json.dumps(sorted(SAFEGUARDS))}' WHERE name = 'safeguards'")
    verification = Verification(path)
    found = [problem.where for problem in verification.problems()]
    assert verification.laws_bind
    assert found == ["balance_equals_granted_minus_consumed"]


def test_only_the_checks_that_are_asked_for_are_made(file: Path) -> None:
    altered(file, f"UPDATE profiles SET credits_remaining = -1 WHERE user_id = '{AMY}'")
    assert problems(file, "schema", "journal") == []


def test_progress_is_told_from_check_to_check(file: Path) -> None:
    told: list[tuple[str, int, int]] = []
    list(Verification(file, progress=lambda *now: told.append(now)).problems())
    assert [what for what, _, _ in told] == ["pages", "references", *["laws"] * 10]
    assert all(done <= total for _, done, total in told)


def test_progress_is_told_within_long_checks(path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with SqliteStore(path) as store:
        crm = Crm(store)
        with crm.batch():
            for n in range(210):
                crm.as_service().sync_crm_user(email=f"{n}@example.com")
    list(Verification(path, progress=lambda *now: told.append(now)).problems(["journal", "rows"]))
    assert told == [("journal", 1000, 1050), ("rows", 1000, 1050)]


# --- looking changes nothing ------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, but for the lock's file, and the memory that readers share."""
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.endswith(("-lock", "-shm"))}


def test_a_file_that_nobody_has_open_is_left_as_it_was(file: Path) -> None:
    before = contents(file.parent)
    problems(file)
    assert contents(file.parent) == before
    assert not Path(f"{file}-shm").exists()


def test_the_log_that_a_crash_left_is_read_and_left_as_it_was(file: Path, tmp_path: Path) -> None:
    """What was committed counts, although it is not in the file yet; looking does not bring it there."""
    crashed = tmp_path / "crashed" / "crm.db"
    crashed.parent.mkdir()
    with SqliteStore(file) as store:
        Crm(store).as_user(AMY).create_recording()
        for suffix in ("", "-wal"):
            shutil.copy(f"{file}{suffix}", f"{crashed}{suffix}")
    before = contents(crashed.parent)
    verification = Verification(crashed)
    assert list(verification.problems()) == []
    assert verification.counts["events"] == 24
    assert contents(crashed.parent) == before


def test_one_moment_is_looked_at_although_others_write(file: Path) -> None:
    """Nobody waits for anybody, and what is written meanwhile is not seen."""
    with SqliteStore(file, busy_timeout_seconds=0) as store:
        crm = Crm(store)
        verification = Verification(file, progress=lambda *_: crm.as_user(AMY).create_job_request())
        assert list(verification.problems()) == []
        assert verification.counts["events"] == 22
        assert len(crm.journal) > 22


def test_a_file_is_left_tidily_although_somebody_writes(file: Path) -> None:
    """At the end the lock is waited for; in vain, if somebody has it for longer than the timeout."""
    turns = FileLock(file, 0)
    turns.acquire()
    assert list(Verification(file, busy_timeout_seconds=0).problems()) == []
    turns.close()


def test_a_file_that_is_held_as_a_whole_is_waited_for(file: Path) -> None:
    altered(file, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="another process holds it; try again"):
            list(Verification(file, busy_timeout_seconds=0).problems())
    assert problems(file) == []


def test_what_is_no_file_of_ours_is_not_looked_at(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file, or nothing in it"):
        list(Verification(path).problems())
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="is not a SQLite database"):
        list(Verification(path).problems())


# --- damaged pages ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file that is copied, and never changed."""
    return lived(tmp_path_factory.mktemp("original") / "crm.db")


def state_of(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as raw:
        return [raw.execute(f"SELECT * FROM {name.replace('.', '_')}").fetchall() for name in TABLES]


@settings(deadline=None)
@given(where=st.floats(0, 1), damage=st.binary(min_size=1, max_size=64) | st.just(b"\xff" * 4096))
def test_damage_anywhere_is_told_and_never_overlooked(original: Path, where: float, damage: bytes) -> None:
    """Whatever bytes of the file are replaced: it is a problem or an error, unless every row is as it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crm.db"
        content = bytearray(original.read_bytes())
        start = int(where * (len(content) - len(damage)))
        content[start : start + len(damage)] = damage
        path.write_bytes(content)
        found: list[object]
        try:
            found = [*Verification(path).problems()]
        except StoreError as error:
            found = [error]
        assert found or state_of(path) == state_of(original)
        assert path.read_bytes() == content


def test_a_truncated_file_is_told(file: Path) -> None:
    os.truncate(file, 16384)
    with pytest.raises(StoreError, match="cannot be read: database disk image is malformed"):
        problems(file)


# --- the log --------------------------------------------------------------------------------------


def cut_off(path: Path, jobs: int, *, at: Path) -> Path:
    """Put a file and its log at another place, as a process leaves them that is killed after so many more events."""
    with SqliteStore(path) as store:
        crm = Crm(store)
        for n in range(jobs):
            crm.as_user(AMY).create_job_request(id=label_uuid(f"{at.name} {n}"), job_description="d" * 3000)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{at}{suffix}")
    return at


def test_a_log_that_goes_on_from_its_file_is_no_problem(file: Path) -> None:
    left = cut_off(file, 5, at=file.with_name("left.db"))
    assert Path(f"{left}-wal").stat().st_size > 0
    assert problems(left) == []


def test_a_file_whose_events_are_all_in_the_log_is_no_problem(path: Path) -> None:
    with SqliteStore(path) as store:
        Crm(store).as_service().register_user(email="amy@example.com")
        assert problems(path) == []


@pytest.mark.parametrize("jobs", [3, 60], ids=["a short log", "a long log"])
def test_the_log_of_another_file_is_found(file: Path, tmp_path: Path, jobs: int) -> None:
    """SQLite takes it for the file's own, and what it makes of both may look sound."""
    other = tmp_path / "other.db"
    with SqliteStore(other) as store:
        Crm(store).as_service().sync_crm_user(user_id=AMY, email="amy@example.com")
    left = cut_off(other, jobs, at=tmp_path / "left.db")
    shutil.copy(file, left)
    (found,) = Verification(left).problems(["log"])
    assert (found.check, found.where) == ("log", "left.db-wal")
    assert "replaces what the file alone holds at position 22 of the journal, so it is another file's" in found.what


def test_a_file_that_cannot_be_read_without_its_log_is_not_held_to_it(file: Path) -> None:
    """Its writer was cut off while the log was being brought into it: with the log it is whole."""
    left = cut_off(file, 5, at=file.with_name("left.db"))
    content = left.read_bytes()
    left.write_bytes(content[:100] + b"\xff" * 3996 + content[4096:])
    assert problems(left, "log") == []
