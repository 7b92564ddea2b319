"""A password is in nothing that a command prints, wherever and however it was given."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.cli.errors import readable
from crm_adapters.cli.targets import is_database, shown
from crm_adapters.postgres.connection_strings import parameters_of, secrets_of, without_secrets
from crm_adapters.postgres.errors import PostgresError
from crm_adapters.postgres.keyed import opened

from ..missing import not_installed

HUSH = "s3cr3tM4rker"
NOWHERE = "127.0.0.1:1"

PARSED = [
    (f"postgresql://amy:{HUSH}@{NOWHERE}/db", f"postgresql://amy@{NOWHERE}/db"),
    (f"postgres://amy:{HUSH}@{NOWHERE}/db", f"postgresql://amy@{NOWHERE}/db"),
    (f"postgresql://amy@{NOWHERE}/db?password={HUSH}", f"postgresql://amy@{NOWHERE}/db"),
    (f"postgresql://{NOWHERE}/db?user=amy&password=x%40{HUSH}", f"postgresql://amy@{NOWHERE}/db"),
    (f"postgresql://amy:a%2F%40{HUSH}@{NOWHERE}/db", f"postgresql://amy@{NOWHERE}/db"),
    (f"postgresql://amy:a?{HUSH}@{NOWHERE}/db", f"postgresql://amy@{NOWHERE}/db"),
    (f"postgresql://amy%40shop:{HUSH}@{NOWHERE}/db", f"postgresql://amy%40shop@{NOWHERE}/db"),
    (f"postgresql://{NOWHERE}/db?sslpassword={HUSH}", f"postgresql://{NOWHERE}/db"),
    (f"postgresql://{NOWHERE}/db?passfile=/none/{HUSH}", f"postgresql://{NOWHERE}/db"),
    (f"postgresql://{NOWHERE}/db?options=-c%20app.key%3D{HUSH}", f"postgresql://{NOWHERE}/db"),
    (f"postgresql://amy:{HUSH}@{NOWHERE},127.0.0.1:2/db", f"postgresql://amy@{NOWHERE},127.0.0.1:2/db"),
    (f"postgresql:///db?host=/none&password={HUSH}", "postgresql://%2Fnone/db"),
    (f"postgresql://amy:{HUSH}@[::1]:1/db", "postgresql://amy@[::1]:1/db"),
    (f"host=127.0.0.1 port=1 user=amy password={HUSH} dbname=db", f"postgresql://amy@{NOWHERE}/db"),
    (f"password = 'a b{HUSH}' host=127.0.0.1,::1 port=1 dbname=db", f"postgresql://{NOWHERE},[::1]:1/db"),
    (f"service=none_of_this_name password={HUSH}", "the database"),
]
"""What libpq reads, and what is said of it."""

UNPARSED = [
    f"postgresql://amy:a@{HUSH}@{NOWHERE}/db",
    f"postgresql://amy:{HUSH}/b@{NOWHERE}/db",
    f"postgresql://amy:12/{HUSH}@{NOWHERE}/db",
    f"postgresql://amy:a@{HUSH}/b@{NOWHERE}/db",
    f"postgresql://amy:a?{HUSH}@b@{NOWHERE}/db",
    f"postgresql://amy:a:{HUSH}:1/db",
    f"postgresql://amy:%zz{HUSH}@{NOWHERE}/db",
    f"postgresql://amy:a@{NOWHERE}/db?{HUSH}=1",
    f"postgresql://amy:a@{NOWHERE}/db?pasword={HUSH}",
    f"postgresql://amy:{HUSH}@[::1/db",
    f"postgresql://amy:a%00{HUSH}@{NOWHERE}/db",
    f"host=127.0.0.1 port={HUSH}",
    f"host=127.0.0.1 password=a {HUSH} dbname=db",
    f"host=127.0.0.1 passwort={HUSH}",
    f"host=127.0.0.1 password='{HUSH}",
    f"dbname=postgresql://amy:{HUSH}@{NOWHERE}/db",
    f"dbname='password={HUSH}'",
    f"user=amy host=a@{HUSH}",
]
"""What begins like an address, and cannot be read, or not as it was meant."""

NO_TARGETS = [
    f"Postgresql://amy:{HUSH}@{NOWHERE}/db",
    f"postgresql+psycopg://amy:{HUSH}@{NOWHERE}/db",
    f"postgresql:/amy:{HUSH}@{NOWHERE}/db",
    f"mysql://amy:{HUSH}@{NOWHERE}/db",
    f"amy:{HUSH}@{NOWHERE}/db",
    f"host: 127.0.0.1, password={HUSH}",
]
"""What was meant as an address."""

EVERYTHING = [*(target for target, _ in PARSED), *UNPARSED, *NO_TARGETS]


@pytest.mark.parametrize("form", [(), ("--json",), ("--python",)])
@pytest.mark.parametrize("target", EVERYTHING)
def test_check_never_prints_a_password(target: str, form: tuple[str, ...], call: Any) -> None:
    """Neither of a database that is not there, nor of an address that cannot be read."""
    called = call("check", target, "--walks", 1, "--no-matrix", *form)
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr.count("\n") == 1
    assert called.stderr.startswith("Error: ")
    assert HUSH not in called.stderr


@pytest.mark.parametrize(("target", "text"), PARSED)
def test_what_is_said_of_an_address(target: str, text: str) -> None:
    """Host, port, database and user, each as it can be copied into an address again."""
    assert shown(target) == text
    assert text in {"the database", shown(text)}


@pytest.mark.parametrize("target", UNPARSED)
def test_what_cannot_be_read_is_not_repeated(target: str) -> None:
    """It may be a password in which a sign is not percent-encoded, which libpq would look up as a host."""
    assert shown(target) == "the database"
    with pytest.raises(PostgresError, match="it is not repeated here"):
        secrets_of(target)
    assert without_secrets(f"what is {target}?", target) == "what is the database?"


def test_without_the_extra_nothing_is_said() -> None:
    """No one can read an address then."""
    with not_installed("psycopg", "crm_adapters.postgres"):
        assert shown(PARSED[0][0]) == "the database"


@pytest.mark.parametrize("target", [target for target in EVERYTHING if is_database(target)])
def test_the_library_never_raises_a_password(target: str) -> None:
    """It is in no text, cause or traceback of what `opened` raises."""
    with pytest.raises(PostgresError) as error:
        opened(target)
    assert HUSH not in "".join(traceback.format_exception(error.value))


COMMANDS = [
    ("run", "{}"), ("run", "--db", "{}", "--sample"), ("explain", "{}"), ("simulate", "{}"), ("fit", "{}"),
    ("fit", "a.csv", "--base", "{}"), ("fit", "a.csv", "--out", "{}"), ("simulate", "--db", "{}"), ("simulate", "--plot", "{}"),
    ("users", "--db", "{}"), ("verify", "--db", "{}"), ("init", "--db", "{}"), ("backup", "{}"), ("restore", "{}"),
    ("check", "crm.db", "{}"), ("check", "--config", "{}", "postgresql://127.0.0.1:1/db"), ("check", "--dsn={}"), ("{}",), ("stats", "{}"),
]  # fmt: skip


@pytest.mark.parametrize("target", [EVERYTHING[0], EVERYTHING[2], PARSED[-3][0], *UNPARSED[:2], *NO_TARGETS[:4]])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_a_password_given_for_a_file(
    target: str, command: tuple[str, ...], call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even click does, of what it cannot place."""
    monkeypatch.chdir(tmp_path)
    called = call(*(part.format(target) for part in command))
    assert called.exit_code == 2
    assert HUSH not in called.stdout + called.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_password_of_the_environment(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a password like any other, and so is an address where a file is looked for."""
    monkeypatch.setenv("PGPASSWORD", HUSH)
    monkeypatch.setenv("CRM_DOMAIN_DB", PARSED[0][0])
    for arguments in (("check", f"postgresql://{NOWHERE}/db"), ("stats",), ("user", "amy@x.test")):
        called = call(*arguments)
        assert called.exit_code == 2
        assert HUSH not in called.stdout + called.stderr
    assert without_secrets(f"no, {HUSH}", f"postgresql://{NOWHERE}/db") == "no, ***"


def test_secrets_are_taken_out_of_what_a_server_says() -> None:
    """In each spelling; but not those that are said anyway, nor such short ones as are in any word."""
    dsn = f"postgresql://amy:{HUSH}%2Fa@{NOWHERE}/db?sslpassword=hushhush"
    assert secrets_of(dsn) == {"password": f"{HUSH}/a", "sslpassword": "hushhush"}
    said = f'"{HUSH}/a", "{HUSH}%2Fa" and "hushhush" of amy'
    assert without_secrets(said, dsn) == '"***", "***" and "***" of amy'
    assert without_secrets("no role postgres", "postgresql://postgres:postgres@x/db") == "no role postgres"
    assert without_secrets("abandon", "postgresql://amy:ban@x/db") == "abandon"


def test_a_file_may_be_called_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is a file."""
    monkeypatch.chdir(tmp_path)
    Path("user=amy").touch()
    assert not is_database("user=amy")
    assert is_database("user=bob")
    assert parameters_of("user=bob") == {"user": "bob"}


def test_errors_are_cut_and_steer_no_terminal(call: Any) -> None:
    """What click repeats of an argument is cut, and its control characters are shown."""
    called = call("run", "a" * 200_000)
    assert called.exit_code == 2
    assert len(called.stderr) < 1_000
    assert "…" in called.stderr
    assert readable("a\x1b[2Jb\nc") == "a\\x1b[2Jb\nc"
    assert len(readable("ab " * 200_000)) == 2_000
