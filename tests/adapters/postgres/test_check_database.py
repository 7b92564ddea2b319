"""``crm-domain check postgresql://…``: what it finds, what it refuses to examine, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict

from crm_adapters.cli.app import cli
from crm_adapters.postgres import scratch
from crm_adapters.postgres.backend import PostgresBackend
from crm_adapters.postgres.errors import PostgresError, ServerLost
from crm_adapters.postgres.keyed import opened
from crm_adapters.postgres.migrations import migrations, shim
from crm_domain import HARDENED, SAFEGUARDS, SEED
from crm_domain.commands import SyncCrmUser
from crm_domain.ids import SERVICE
from crm_domain.testing import AMY, conformance
from crm_domain.testing.conforming.searching import Search

from ...defects.planting_sql import Edited
from ..missing import not_installed
from .conftest import MakeDatabase
from .servers import embedded, package


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes so long that a line of progress would be printed."""
    monkeypatch.setattr("crm_adapters.cli.commands.check._LINE_EVERY_SECONDS", 10_000.0)


SHORT = ("--walks", "1", "--no-matrix")


def uri(dsn: str, **changes: str) -> str:
    """Return a DSN as a URL, which is what the command takes."""
    parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items()} | changes
    database = parameters.pop("dbname")
    return f"postgresql:///{database}?" + "&".join(f"{name}={value}" for name, value in parameters.items() if value)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Call ``crm-domain check`` on a database."""
    monkeypatch.setenv("COLUMNS", "100")

    def called(dsn: str, *arguments: object) -> Any:
        target = dsn if "://" in dsn else uri(dsn)
        return CliRunner().invoke(cli, ["check", target, *map(str, arguments)], prog_name="crm-domain")

    return called


@pytest.fixture
def nothing_left(postgres_server: str) -> Iterator[None]:
    """Nothing is left on the server that was not there before; copies that others work with are theirs."""

    def databases() -> set[str]:
        query = (
            "select datname from pg_database d where datname like %s "
            "and not exists (select from pg_stat_activity a where a.datname = d.datname)"
        )
        with psycopg.connect(postgres_server) as connection:
            return {name for (name,) in connection.execute(query, [f"{scratch.PREFIX}%"])}

    before = databases()
    yield
    assert databases() <= before


def changed(dsn: str, *statements: str) -> str:
    """Change a database and return its DSN."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
    return dsn


# --- what is found ------------------------------------------------------------------------------


def test_the_seed_has_every_hole(make_database: MakeDatabase, nothing_left: None) -> None:
    """Held to the hardened rules, the migrations of the document at its word lack every safeguard, each shown in SQL."""
    with opened(make_database(SEED)) as backend:
        report = conformance(backend, walks=1)
    assert report.lacking == tuple(SAFEGUARDS)
    assert {name for finding in report.findings for name in finding.missing} == set(SAFEGUARDS)
    for finding in report.findings:
        assert any(text in finding.sent[-1] for text in ("begin;", "commit", "select")), finding
    shadowed = next(f for f in report.findings if f.text.startswith("a temporary table profiles"))
    assert "create temporary table profiles" in shadowed.sent[-1]
    assert shadowed.laws == {"one_credit_per_recording"}


def test_ways_in_beside_the_commands(make_database: MakeDatabase, nothing_left: None) -> None:
    """What a database lets people do beside the commands is told, each with the safeguard that closes it."""
    dsn = changed(
        make_database(),
        "grant create on schema public to authenticated",
        "alter table public.credit_grants disable row level security",
        "alter table public.account_versions disable row level security",
        "grant delete on public.account_versions to authenticated",
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        Edited("crm_charge", "count(*) as credits from fresh", "1::bigint as credits from fresh").plant(connection)
    with opened(dsn) as backend:
        search = Search(backend, HARDENED)
        search.probes()
        told = " ".join(finding.text for finding in search.findings)
        assert backend.look_up("select 1 as one") == [{"one": 1}]
    for text in (
        "a user may create tables beside",
        "user reads others' rows of credit_grants",
        "user deletes rows of account_versions",
        "one statement stored 2 recordings with 1 credit, and the balance is 0",
    ):
        assert text in told


def test_probes_of_what_is_not_there(make_database: MakeDatabase, nothing_left: None) -> None:
    """Are passed over, as are commands."""
    dsn = changed(make_database(), "alter table public.profiles rename to accounts")
    with opened(dsn) as backend:
        search = Search(backend, HARDENED)
        search.probes()
    assert search.findings == []


def test_the_hardened_migrations_keep_every_law(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """Nothing is found; the database itself is as it was."""
    done = check(make_database(), *SHORT)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "no law is broken" in done.stdout


def test_a_finding_is_told_with_its_sql(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """The law, the missing safeguard, the command log, and what can be typed into psql."""
    dsn = changed(make_database(), "drop index public.crm_resumes_primary_key")
    done = check(dsn, *SHORT)
    assert done.exit_code == 1
    assert "at_most_one_primary_resume (as without one_primary)" in done.stdout
    assert "What was sent:\n  begin; set local role service_role; set local request.jwt.claims" in done.stdout
    assert "is_primary) values" in done.stdout


def test_rows_that_are_known_of(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """A database with rows is examined when that is meant, and its rows are not touched."""
    dsn = make_database()
    add = f"select sync_crm_user(p_email => 'amy@x.test', p_user_id => '{AMY.user_id}')"
    changed(dsn, add)
    refused = check(dsn, *SHORT)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "it holds rows (auth.users, digital_resume_by_CRM, crm_dashboard_stats, profiles)" in refused.stderr
    assert check(dsn, "--i-know", *SHORT).exit_code == 0
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from digital_resume_by_crm").fetchone() == (1,)


@pytest.mark.parametrize("has_pg_dump", [True, False])
def test_others_are_connected(
    check: Any, make_database: MakeDatabase, nothing_left: None, monkeypatch: pytest.MonkeyPatch, *, has_pg_dump: bool
) -> None:
    """Then the server cannot copy the database; pg_dump can, or it is said what to do."""
    dsn = make_database()
    found = _pg_dump() if has_pg_dump else None
    monkeypatch.setattr("shutil.which", lambda _: found)
    if found:
        monkeypatch.setenv("PATH", f"{Path(found).parent}{os.pathsep}{os.environ['PATH']}")
    with psycopg.connect(dsn):
        done = check(dsn, *SHORT)
    if has_pg_dump:
        assert (done.exit_code, done.stderr) == (0, "")
    else:
        assert done.exit_code == 2
        assert "the server does not while others are connected to it, and pg_dump, which could, is not" in done.stderr


def test_what_pg_dump_wrote_is_no_sql(
    check: Any, make_database: MakeDatabase, nothing_left: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is said in one line, and the copy that was begun is gone."""
    dsn, program = make_database(), tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'CREATE SCHEMA public; nonsense'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with psycopg.connect(dsn):
        done = check(dsn, *SHORT)
    _is_one_line(done, 'what pg_dump wrote cannot be read: syntax error at or near "nonsense"')


def test_a_report_has_no_password(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """Of a database that is examined, host, database and user are printed; a backend shows nothing of itself."""
    dsn = uri(make_database(SEED), password="s3cr3tM4rker")
    for form in ("--json", "--python"):
        done = check(dsn, form, "--walks", "1", "--no-matrix")
        assert done.exit_code == 1
        assert "postgresql://" in done.stdout
        assert "s3cr3tM4rker" not in done.stdout + done.stderr
    with opened(dsn) as backend:
        assert "s3cr3tM4rker" not in f"{backend!r} {backend.catalog!r} {backend.sent()}"


@pytest.mark.parametrize("secret", ["password", "sslpassword"])
def test_secrets_are_on_no_command_line(
    check: Any,
    make_database: MakeDatabase,
    nothing_left: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    secret: str,
) -> None:
    """Everyone sees those of a machine: pg_dump finds the password in its environment, and others are not given to it."""
    dsn, program, said = make_database(), tmp_path / "pg_dump", tmp_path / "said"
    program.write_text(f'#!/bin/sh\necho "$* | $PGPASSWORD" > {said}\necho "no $PGPASSWORD" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with psycopg.connect(dsn):
        done = check(uri(dsn, **{secret: "s3cr3tM4rker"}), *SHORT)
    assert done.exit_code == 2
    assert "s3cr3tM4rker" not in done.stdout + done.stderr
    if secret == "password":
        arguments, _, environment = said.read_text().partition(" | ")
        assert "s3cr3tM4rker" not in arguments
        assert environment == "s3cr3tM4rker\n"
        assert "pg_dump says: no ***" in done.stderr
    else:
        assert not said.exists()
        assert "pg_dump cannot be given sslpassword unseen" in done.stderr


def _pg_dump() -> str:
    """Return the pg_dump of the embedded server's version."""
    return str(package().utils.POSTGRES_VERSIONS[18] / "pg_dump")


def test_settings_of_the_database_are_copied(make_database: MakeDatabase, nothing_left: None) -> None:
    """What ALTER DATABASE SET says is no part of its structure, and counts all the same."""
    dsn = make_database()
    name = conninfo_to_dict(dsn)["dbname"]
    changed(dsn, f"alter database {name} set search_path to public, auth")
    with opened(dsn) as backend:
        (row,) = backend.look_up("show search_path")
    assert row == {"search_path": "public, auth"}


# --- what cannot be examined ----------------------------------------------------------------------


def test_a_server_that_is_not_there(check: Any) -> None:
    """One line, and exit code 2."""
    done = check("postgresql://localhost:1/nowhere", *SHORT)
    _is_one_line(done, "Error: postgresql://localhost:1/nowhere: ")
    assert "refused" in done.stderr


def test_an_old_server(check: Any, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version is told."""
    monkeypatch.setattr("crm_adapters.postgres.catalog.OLDEST", 99)
    _is_one_line(check(make_database(), *SHORT), "the server is PostgreSQL")


def test_what_breaks_while_the_copy_is_made(
    check: Any, make_database: MakeDatabase, nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in the server's words, and the copy is dropped; so it is when somebody interrupts."""
    dsn = make_database()
    monkeypatch.setattr(scratch, "_TABLES", "select nothing")
    _is_one_line(check(dsn, *SHORT), 'column "nothing" does not exist')
    monkeypatch.undo()
    for place in ("crm_adapters.postgres.scratch._empty_tables", "crm_adapters.postgres.keyed.KeyedPostgresBackend"):
        with monkeypatch.context() as patch:
            patch.setattr(place, _interrupted)
            with pytest.raises(KeyboardInterrupt):
                opened(dsn)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_no_database_to_work_from(make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database is made and dropped from another one, which must let the login in."""
    dsn = make_database()
    connect = scratch._connect

    def refused(wanted: str) -> Any:
        if conninfo_to_dict(wanted)["dbname"] in {"postgres", "template1"}:
            raise PostgresError("no")
        return connect(wanted)

    monkeypatch.setattr(scratch, "_connect", refused)
    with pytest.raises(PostgresError, match="none of its databases postgres and template1"):
        opened(dsn)


def test_the_extra_that_is_not_installed(check: Any) -> None:
    """What is missing is named, with the line that installs it."""
    with not_installed("psycopg", "crm_adapters.postgres"):
        done = check("postgresql:///mine", *SHORT)
    _is_one_line(done, "Error: psycopg is not installed: pip install 'crm-domain[postgres]'")


def test_a_login_that_fails(check: Any, postgres_server: str) -> None:
    """The server's words."""
    done = check(uri(postgres_server, user="nobody_of_this_name"), *SHORT)
    _is_one_line(done, "Error: postgresql://nobody_of_this_name@")
    assert 'role "nobody_of_this_name" does not exist' in done.stderr


def test_what_is_no_address(check: Any) -> None:
    """It is said so, and not repeated: it may hold a password."""
    done = check("postgresql://localhost/db?colour=red", *SHORT)
    _is_one_line(done, "Error: the database: this is no address of a database that libpq can read")
    assert "colour" not in done.stderr


def test_a_database_without_the_tables(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """The missing ones are named."""
    done = check(make_database(None), *SHORT)
    _is_one_line(done, "it has no digital_resume_by_CRM, crm_job_requests")
    assert "apply the migrations first" in done.stderr


def test_a_database_without_the_roles(
    check: Any, make_database: MakeDatabase, tmp_path: Path, nothing_left: None
) -> None:
    """The missing one is named."""
    config = tmp_path / "ops.toml"
    config.write_text("[roles]\nuser = 'app_user'\n")
    _is_one_line(check(make_database(), "--config", config, *SHORT), "the server has no role app_user: name its roles")


def test_a_login_that_may_not_take_the_roles(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """What must be granted is said."""
    dsn = changed(
        make_database(),
        "drop role if exists crm_weak",
        "create role crm_weak login",
        "grant usage on schema auth to crm_weak",
    )
    _is_one_line(
        check(uri(dsn, user="crm_weak"), *SHORT), "may not take the role authenticated: GRANT authenticated TO it"
    )
    changed(dsn, "grant anon, authenticated, service_role to crm_weak")
    _is_one_line(check(uri(dsn, user="crm_weak"), *SHORT), "it holds rows (")  # for all that this login can see
    _is_one_line(check(uri(dsn, user="crm_weak"), "--i-know", *SHORT), "it cannot be copied: pg_dump")
    changed(dsn, "drop owned by crm_weak", "drop role crm_weak")


def test_a_database_with_other_columns(check: Any, make_database: MakeDatabase, nothing_left: None) -> None:
    """What is missing is named, with what there is."""
    dsn = changed(make_database(), "alter table public.crm_recordings rename column video_url to url")
    done = check(dsn, *SHORT)
    _is_one_line(done, "public.crm_recordings has no column video_url (it has created_at,")
    assert "under [columns.crm_recordings] in --config" in done.stderr


def test_a_database_whose_columns_are_called_otherwise(
    check: Any, make_database: MakeDatabase, tmp_path: Path, nothing_left: None
) -> None:
    """A configuration names them, and how an operation is called; then it is held to the rules as others are."""
    dsn = changed(make_database(), "alter table public.crm_job_requests rename column cover_letter to letter")
    path = tmp_path / "ops.toml"
    path.write_text(
        "[operations.track_view]\nfunction = 'public.track_view'\narguments = { email = 'p_email' }\n"
        "[columns.crm_job_requests]\ncover_letter = 'letter'\n"
    )
    done = check(dsn, "--config", path, "--walks", "5", "--no-matrix")
    assert done.exit_code == 0, done.stdout
    assert "no law is broken" in done.stdout
    assert "cover_letter" not in done.stdout


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[roles", "is not TOML"),
        (
            "[operations.track_view]\nfunction = 'public.count_view'\narguments = { email = 'mail' }",
            "operations.track_view: the database has no function public.count_view(mail).",
        ),
        (
            "[operations.track_view]\nfunction = 'track_view'\narguments = { email = 'mail' }",
            "operations.track_view: the database has no function track_view(mail); it has track_view(p_email).",
        ),
        ("[tables]\nprofiles = 'public.accounts'", "tables: the database has no table public.accounts."),
        ("[tables]\nprofiles = '\"a'", 'tables: the database has no table "a.'),
    ],
)
def test_a_configuration_that_cannot_be_meant(
    check: Any, make_database: MakeDatabase, tmp_path: Path, config: str, said: str, nothing_left: None
) -> None:
    """One line that says what and where."""
    path = tmp_path / "ops.toml"
    path.write_text(config)
    _is_one_line(check(make_database(), "--config", path, *SHORT), said)


def test_options_of_databases_alone(check: Any, tmp_path: Path) -> None:
    """A file or a factory has no operations."""
    done = CliRunner().invoke(cli, ["check", "somebodys:factory", "--i-know"], prog_name="crm-domain")
    _is_one_line(done, "Error: somebodys:factory: --config and --i-know are for a database")


def _is_one_line(done: Any, *said: str) -> None:
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert any(text in done.stderr for text in said), done.stderr


# --- endings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(make_database: MakeDatabase, nothing_left: None, number: int) -> None:
    """Ctrl-C, and being asked to end: the scratch database is dropped."""
    dsn = make_database()
    program = "from crm_adapters.cli import main; main()"
    named = f"check-{number}"
    target = uri(dsn, application_name=named)
    command = [sys.executable, "-c", program, "check", target, "--budget", "1h", "--no-matrix"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not _is_at_work(dsn, named):
            assert process.poll() is None
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 130


def _is_at_work(dsn: str, named: str) -> bool:
    """Tell, after a while, whether somebody who is called so is connected to a scratch database."""
    with psycopg.connect(dsn, dbname="template1", autocommit=True) as connection:
        connection.execute("select pg_sleep(0.05)")
        query = "select 1 from pg_stat_activity where datname like %s and application_name = %s"
        return connection.execute(query, [f"{scratch.PREFIX}%", named]).fetchone() is not None


def test_copies_that_nobody_holds_are_dropped(postgres_server: str, make_database: MakeDatabase) -> None:
    """Whoever was killed leaves one behind; the next who makes one there takes it away, and no other."""
    dsn = make_database()
    left = opened(dsn)
    name = left._scratch.name
    with opened(dsn):
        assert _is_there(postgres_server, name)
    left._scratch._admin.close()  # as it ends when its process is killed
    for session in left._sessions:
        session.close()
    with opened(dsn):
        assert not _is_there(postgres_server, name)


def _is_there(server: str, name: str) -> bool:
    with psycopg.connect(server) as connection:
        return connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None


@pytest.fixture
def mortal() -> Iterator[Any]:
    """A server that a test may stop."""
    with embedded() as server:
        yield server


def test_a_server_that_dies(mortal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is printed, and what is left; when the server is back, the next check drops what that could not."""
    monkeypatch.setattr(scratch, "_PATIENCE_SECONDS", 0.2)
    dsn = mortal.get_uri()
    changed(dsn, "create database mine")
    mine = dsn.replace("/postgres?", "/mine?")
    changed(mine, shim(), *(migration.up for migration in migrations()))
    requests = iter(range(10))
    execute = PostgresBackend.execute

    def dying(backend: PostgresBackend, *asked: Any) -> Any:
        if next(requests) == 5:
            mortal.stop()
        return execute(backend, *asked)

    monkeypatch.setattr(PostgresBackend, "execute", dying)
    done = CliRunner().invoke(cli, ["check", mine, *SHORT], prog_name="crm-domain")
    assert done.exit_code == 2
    assert "It ended early, as it broke down: " in " ".join(done.stdout.split())
    assert "the server went away and did not come back: the next check there drops crm_domain_scratch_" in done.stderr
    assert "Traceback" not in done.stderr
    monkeypatch.undo()
    mortal.ensure_postgres_running()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select 1 from pg_database where datname like 'crm_domain%'").fetchone()
    with opened(mine) as backend:
        backend.execute(SERVICE, SyncCrmUser(email=AMY.email))
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select 1 from pg_database where datname like 'crm_domain%'").fetchone() is None


def test_a_connection_that_is_lost(make_database: MakeDatabase, postgres_server: str, nothing_left: None) -> None:
    """What was asked breaks, a reset says that the server is gone, and the copy is dropped all the same."""
    with opened(make_database()) as backend:
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s)", [backend._session.pid])
        with pytest.raises(ServerLost, match="the server went away"):
            backend.select(SERVICE, "profiles", {})
        with pytest.raises(ServerLost, match="its tables cannot be emptied any more"):
            backend.reset()
