"""``crm-domain run --db``: the state outlives the run, and what was printed as accepted is kept."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.cli.app import cli
from crm_adapters.command_log import Run, read_log
from crm_adapters.sqlite import SqliteStore, StoreError, stored_rules
from crm_adapters.sqlite.opening import create
from crm_adapters.sqlite.verification import Verification
from crm_domain import HARDENED, SEED, Crm, Rules
from crm_domain.command_log import LogLine, id_named, log_text
from crm_domain.testing import LABELS, PEOPLE, command_sequences
from crm_domain.testing.histories import START, overlapping_groups

from .test_endings import COMMAND

OWN = {"user": "amy", "email": "amy@x.test"}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where a file may be; there is none yet."""
    return tmp_path / "crm.db"


@pytest.fixture
def people(write: Any) -> list[bytes]:
    """Lines with which five people come."""
    return [write("service", "register_user", user=f"u{n}", email=f"u{n}@x.test") for n in range(5)]


def users(db: Path) -> int:
    """Return how many people are in a file, as another process sees it."""
    with closing(sqlite3.connect(db)) as raw:
        (number,) = raw.execute("SELECT count(*) FROM auth_users").fetchone()
    return int(number)


def test_a_run_goes_on_from_what_the_file_holds(call: Any, db: Path, amy_comes: bytes, write: Any) -> None:
    """The file is made if it is missing; a later run sees what an earlier one did."""
    assert call("run", "--db", db, stdin=amy_comes).objects == [{"n": 1, "result": "ok", "user": "amy"}]
    called = call("run", "--db", db, stdin=write("amy", "create_recording", id="r1", **OWN))
    assert called.objects == [{"n": 1, "result": "ok"}]
    (dashboard,) = call("run", "--db", db, stdin=write("amy", "get_dashboard", email="amy@x.test")).objects
    assert dashboard["rows"][0]["credits_remaining"] == 3
    assert [*Verification(db).problems()] == []


def test_a_later_run_knows_the_labels_of_earlier_ones(call: Any, db: Path, amy_comes: bytes, write: Any) -> None:
    """The file remembers them, also those of ids that the model made; a rebuild keeps them."""
    call("run", "--db", db, stdin=amy_comes + write("amy", "create_recording", **OWN))
    select = write("amy", "select", table="crm_recordings") + write("service", "select", table="profiles")
    for _ in range(2):
        made, profiles = call("run", "--db", db, stdin=select).objects
        assert (made["rows"], profiles["rows"]) == (["line-2-1"], ["amy"])
        call("rebuild", "--db", db)


def test_ids_that_are_made_on_a_file_with_events_say_after_how_many(
    call: Any, db: Path, amy_comes: bytes, write: Any
) -> None:
    """The same log may be run again: its made ids are others, and none is taken."""
    log = amy_comes + write("amy", "create_job_request", **OWN)
    assert [o["result"] for o in call("run", "--db", db, stdin=log).objects] == ["ok", "ok"]
    assert [o["result"] for o in call("run", "--db", db, stdin=log).objects] == ["ok", "ok"]
    (jobs,) = call("run", "--db", db, stdin=write("amy", "select", table="crm_job_requests")).objects
    assert jobs["rows"] == ["after-7-line-2-1", "line-2-1"]


def test_runs_that_share_a_file_never_make_the_same_id(db: Path, amy_comes: bytes, write: Any) -> None:
    """Two runs of one log at the same time, from an empty file on, line by line; keys and refusals in between."""
    lines = [amy_comes]
    for n in range(6):
        lines += [
            write("amy", "create_job_request", **OWN, key=f"key-{n % 3}"),
            write("amy", "create_recording", **OWN, concurrent="tabs"),
            write("amy", "create_recording", **OWN, concurrent="tabs"),
            write("bob", "create_job_request", **OWN),
        ]
    with SqliteStore(db) as one, SqliteStore(db) as other:
        runs = [Run(store=store).outcomes(read_log(lines, "log")) for store in (one, other)]
        outcomes = [next(run) for _ in lines for run in runs]
    assert {o["result"] for o in outcomes} == {"ok", "insufficient_credits", "rls_violation"}
    with SqliteStore(db) as store:
        assert Crm(store).as_service().count("crm_job_requests") == 3


def test_ids_are_named_after_their_line_alone_while_nobody_else_writes(db: Path, amy_comes: bytes, write: Any) -> None:
    """Keys, retries and refusals do not make a run take its own events for somebody else's."""
    job = write("amy", "create_job_request", **OWN, key="k")
    lines = [
        amy_comes,
        job,
        job,
        write("bob", "create_job_request", **OWN),
        write("amy", "upload_resume", **OWN, resume_url="a"),
    ]
    select = [write("amy", "select", table=table) for table in ("crm_job_requests", "crm_resumes")]
    for store in (None, SqliteStore(db)):
        outcomes = list(Run(store=store).outcomes(read_log(lines + select, "log")))
        assert [o.get("rows") for o in outcomes[-2:]] == [["line-2-1"], ["line-5-1"]]


# --- what is kept -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "seen"), [([], [1, 2, 3, 4, 5]), (["--batch", 2], [2, 2, 4, 4, 5]), (["--batch", 9], [5] * 5)]
)
def test_an_outcome_is_printed_when_it_is_kept(
    batch: list[Any], seen: list[int], call: Any, db: Path, people: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line is one commit; with --batch, so many lines are, and their outcomes come after it."""
    in_file: list[int] = []
    monkeypatch.setattr("crm_adapters.cli.commands.run.print_json", lambda _: in_file.append(users(db)))
    assert call("run", "--db", db, *batch, stdin=b"".join(people)).exit_code == 0
    assert in_file == seen


@pytest.mark.parametrize("batch", [1, 2, 3, 9])
def test_lines_before_a_malformed_one_are_kept(batch: int, call: Any, db: Path, people: list[bytes]) -> None:
    """Also those of a batch that was not full yet; the labels are kept, too."""
    called = call("run", "--db", db, "--batch", batch, stdin=b"".join([*people[:3], b"{}\n", *people[3:]]))
    assert (called.exit_code, len(called.objects), users(db)) == (2, 3, 3)
    assert called.stderr == "Error: <stdin>:4: as: is missing; cmd: is missing\n"
    assert labels(db) == {"u0", "u1", "u2"}


def labels(db: Path) -> set[str]:
    """Return the labels that a file remembers."""
    with SqliteStore(db) as store:
        store.open(stored_rules(db))
        return set(store.labels().values())


@pytest.mark.parametrize(("batch", "kept"), [(1, 2), (2, 2), (4, 4)])
def test_what_was_printed_before_an_interrupt_is_kept(
    batch: int, kept: int, call: Any, db: Path, people: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between two outcomes: all that was acknowledged is there, with its labels, and nothing is half there."""
    printed: list[Any] = []

    def interrupted(outcome: Any) -> None:
        printed.append(outcome)
        if len(printed) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("crm_adapters.cli.commands.run.print_json", interrupted)
    called = call("run", "--db", db, "--batch", batch, stdin=b"".join(people))
    assert (called.exit_code, called.stderr, users(db)) == (130, "", kept)
    assert labels(db) == {"u0", "u1"}
    assert [*Verification(db).problems()] == []


def test_an_interrupt_in_the_middle_of_a_batch_takes_all_of_it(
    call: Any, db: Path, people: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a batch is printed before all of it is kept, so that nothing of it has to stay."""
    execute, asked = Crm.execute, []

    def interrupted(self: Crm, *args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return execute(self, *args, **kwargs)

    monkeypatch.setattr(Crm, "execute", interrupted)
    called = call("run", "--db", db, "--batch", 2, stdin=b"".join(people))
    assert (called.exit_code, len(called.objects), users(db)) == (130, 2, 2)


def test_a_process_that_is_interrupted_or_killed_keeps_what_it_printed(db: Path, people: list[bytes]) -> None:
    """Each of them goes on from what the one before it left."""
    for n, ending in enumerate((signal.SIGINT, signal.SIGKILL)):
        with subprocess.Popen(
            [COMMAND, "run", "-", "--db", db], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(people[n])
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"n": 1, "result": "ok"}
            process.send_signal(ending)
            process.wait()
        assert users(db) == n + 1
    assert [*Verification(db).problems()] == []


def test_a_group_is_kept_as_one_whatever_the_batch(call: Any, db: Path, amy_comes: bytes, write: Any) -> None:
    """A batch that a group does not fit into becomes larger."""
    tabs = [write("amy", "create_recording", **OWN, concurrent="tabs") for _ in range(5)]
    rules = ["--rules", "-atomic_consume"]
    outcomes = call("run", "--db", db, "--batch", 2, *rules, stdin=b"".join([amy_comes, *tabs])).objects
    assert [o["result"] for o in outcomes] == ["ok"] * 6


def test_labels_that_cannot_be_kept_do_not_fail_a_run(
    call: Any, db: Path, amy_comes: bytes, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They only make ids readable."""

    def refuse(self: SqliteStore, _: object) -> None:
        raise StoreError(self.path, "the disk is full")

    monkeypatch.setattr(SqliteStore, "keep_labels", refuse)
    assert call("run", "--db", db, stdin=amy_comes).exit_code == 0
    monkeypatch.undo()
    (profiles,) = call("run", "--db", db, stdin=write("service", "select", table="profiles")).objects
    assert profiles["rows"] == [id_named("amy")]


def test_labels_are_kept_together_or_not_at_all(db: Path) -> None:
    with SqliteStore(db) as store:
        Crm(store)
        store.keep_labels({"1": "one"})
        with pytest.raises(StoreError, match="refuses what the rules accepted"):
            store.keep_labels({"2": "two", "3": None})  # type: ignore[dict-item]
        assert store.labels() == {"1": "one"}
        store.keep_labels({"1": "uno"})
        assert store.labels() == {"1": "uno"}


# --- rules ------------------------------------------------------------------------------------


def test_a_file_is_made_under_the_rules_that_are_asked_for(call: Any, db: Path, amy_comes: bytes) -> None:
    call("run", "--db", db, "--rules", "seed", stdin=amy_comes)
    assert stored_rules(db) == SEED


@pytest.mark.parametrize("asked", [[], ["--rules", "seed,+owner_pair"], ["--rules", "seed", "--rules", "+owner_pair"]])
def test_a_file_keeps_its_rules(asked: list[str], call: Any, db: Path, amy_comes: bytes, write: Any) -> None:
    """They hold without being asked for, and may be asked for."""
    call("init", "--db", db, "--rules", "seed,+owner_pair")
    cheat = write("amy", "update", table="profiles", set={"credits_remaining": 100})
    assert [o["result"] for o in call("run", "--db", db, *asked, stdin=amy_comes + cheat).objects] == ["ok", "ok"]


@pytest.mark.parametrize("asked", ["hardened", "-owner_pair"])
def test_other_rules_than_the_files_are_refused(asked: str, call: Any, db: Path, amy_comes: bytes) -> None:
    """Also the default's, where they are asked for."""
    call("init", "--db", db, "--rules", "seed")
    called = call("run", "--db", db, "--rules", asked, stdin=amy_comes)
    assert (called.exit_code, called.stdout, users(db)) == (2, "", 0)
    assert called.stderr.startswith(f"Error: {db}: is kept under the rules seed, not hardened")


# --- the end ----------------------------------------------------------------------------------


def test_final_and_summary_are_of_the_file(call: Any, db: Path, people: list[bytes]) -> None:
    """They tell of all that it holds, not of this run alone; the summary names the file."""
    call("run", "--db", db, stdin=b"".join(people[:3]))
    (final,) = call("run", "--db", db, "-q", "--final", stdin=people[3]).objects
    assert list(final["final"]["users"]) == ["u0", "u1", "u2", "u3"]
    summary = call("run", "--db", db, "--summary", stdin=people[4]).stdout
    assert summary.startswith(f"{db}\n\nUsers\n")
    assert [line.split()[0] for line in summary.splitlines()[5:10]] == ["u0", "u1", "u2", "u3", "u4"]
    assert re.search(r"^lines +1  1 accepted, 0 refused$", summary, re.MULTILINE)
    assert call("run", "--summary", stdin=people[4]).stdout.startswith("Users\n")


def test_a_batch_needs_a_file(call: Any, amy_comes: bytes) -> None:
    called = call("run", "--batch", 10, stdin=amy_comes)
    assert (called.exit_code, "--batch needs --db: in memory, nothing is kept." in called.stderr) == (2, True)


# --- the same as in memory ----------------------------------------------------------------------


def ran(log: Sequence[str], *options: object) -> list[Any]:
    """Run lines on the command line; return what it printed, with made ids as they are in a run of its own."""
    stdin = "".join(f"{line}\n" for line in log).encode()
    result = CliRunner().invoke(cli, ["run", "--final", *map(str, options)], input=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    return [in_order(json.loads(re.sub(r"after-\d+-", "", line))) for line in result.stdout.splitlines()]


def in_order(outcome: Any) -> Any:
    """Return an outcome with its labels sorted anew, as a made id may have had another one."""
    rows = outcome.get("rows", [])
    return outcome | ({"rows": sorted(rows)} if rows and isinstance(rows[0], str) else {})


def timed(lines: Sequence[LogLine]) -> list[list[str]]:
    """Return the log of lines that say when they happen, those that overlap together."""
    emails = {person.user_id: person.email for person in PEOPLE}
    groups = [
        [attrs.evolve(line, at=START + timedelta(seconds=n)) for line in group]
        for n, group in enumerate(overlapping_groups(lines))
    ]
    return [log_text(group, LABELS, emails=emails).splitlines() for group in groups]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> dict[Rules, Path]:
    """An empty file of each reading; to copy one is quicker than to make one."""
    folder = tmp_path_factory.mktemp("empty")
    return {rules: create(folder / f"{rules}.db", rules) for rules in (HARDENED, SEED)}


@pytest.mark.thorough
@settings(deadline=None)
@given(
    lines=command_sequences(at_most=4),
    cut=st.floats(0, 1),
    rules=st.sampled_from([HARDENED, SEED]),
    batches=st.tuples(*[st.sampled_from([1, 3, 100])] * 2),
)
def test_a_log_in_two_halves_over_a_file_is_the_log_in_memory(
    lines: Sequence[LogLine], cut: float, rules: Rules, batches: tuple[int, int], empty: dict[Rules, Path]
) -> None:
    """The same outcomes, line by line, and the same state at the end, however it is cut and kept."""
    groups = timed(lines)
    at = round(cut * len(groups))
    first, second = ([line for group in part for line in group] for part in (groups[:at], groups[at:]))
    *outcomes, final = ran(first + second, "--rules", rules)
    with tempfile.TemporaryDirectory() as folder:
        db = shutil.copy(empty[rules], Path(folder) / "crm.db")
        *half, _ = ran(first, "--rules", rules, "--db", db, "--batch", batches[0])
        blank = [""] * len(first)  # so that the lines keep their numbers
        *other_half, final_of_file = ran(blank + second, "--db", db, "--batch", batches[1])
        problems = [*Verification(db).problems()]
    assert half + other_half == outcomes
    assert final_of_file == final
    assert problems == []
