"""``ops.toml``: what may stand in it, and what is said of everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_adapters.postgres.errors import BadOperations
from crm_adapters.postgres.operations import OPERATIONS, Operation, filled, placeholders, read_operations
from crm_domain import Role


def test_the_default_names_every_operation() -> None:
    """It is the mapping for the migrations, and an example for others."""
    operations = read_operations()
    assert operations.operations.keys() >= set(OPERATIONS)
    assert [operations.roles.of(role) for role in Role] == ["authenticated", "service_role", "anon"]
    assert not operations.own


def test_a_file_takes_the_place_of_what_it_names(tmp_path: Path) -> None:
    """The rest stays as it is; its own refusals are looked at first."""
    path = tmp_path / "ops.toml"
    path.write_text(
        """
        [roles]
        user = "app_user"
        [tables]
        profiles = "public.accounts"
        [columns.profiles]
        user_id = "id"
        [operations.track_view]
        sql = "update stats set views = views + 1 where email = {email}"
        [[refusals]]
        code = "conflict"
        message = "twice"
        """
    )
    operations = read_operations(path)
    assert (operations.roles.user, operations.roles.anon) == ("app_user", "anon")
    assert operations.tables == {"profiles": "public.accounts"}
    assert operations.columns == {"profiles": {"user_id": "id"}}
    assert operations.own == {"track_view"}
    assert operations.operations["track_view"] == Operation(
        sql="update stats set views = views + 1 where email = {email}"
    )
    assert operations.operations["record_payment"] == read_operations().operations["record_payment"]
    assert [rule.message for rule in operations.refusals] == ["twice", None, None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[roles", "is not TOML: Expected ']'"),
        ("[roles]\nadmin = 'root'", "extra fields found (admin) @ ops.toml.roles"),
        ("[roles]\nuser = 1", "invalid value for type, expected str @ ops.toml.roles.user"),
        (
            "[operations.sell]\nfunction = 'sell'",
            "operations: there is no operation 'sell'; there are register_user",
        ),
        ("[operations.track_view]", "operations.track_view: give either function or sql"),
        (
            "[operations.track_view]\nfunction = 'f'\narguments = { seconds = 'p' }",
            "operations.track_view: there is no argument 'seconds'; there are email",
        ),
        ("[operations.track_view]\nsql = 'select {mail}'", "there is no argument 'mail'"),
        ("[operations.use_idempotency_key]\nsql = 'select {fingerprint}, {when}'", "there is no argument 'when'"),
        ("[tables]\ncustomers = 'c'", "there is no table 'customers'; there are auth.users, profiles"),
        ("[columns.profiles]\nname = 'n'", "columns.profiles: there is no column 'name'; there are user_id"),
        (
            "[[refusals]]\ncode = 'no'\nsqlstate = 'X'",
            "refusals: 'no' is no kind of refusal; there are permission_denied",
        ),
        ("[[refusals]]\ncode = 'conflict'", "refusals: of 'conflict', give a sqlstate, a constraint or a message"),
        ("[[refusals]]\ncode = 'conflict'\nmessage = '('", "refusals: '(' is no regular expression"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    """It is one line that begins with the file and names the place."""
    monkeypatch.chdir(tmp_path)
    Path("ops.toml").write_text(text)
    with pytest.raises(BadOperations) as told:
        read_operations(Path("ops.toml"))
    assert str(told.value).startswith("ops.toml:")
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """One that is not there, and one that is no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("none.toml", "binary"):
        with pytest.raises(BadOperations, match=f"{name}: it cannot be read: "):
            read_operations(tmp_path / name)


def test_placeholders() -> None:
    """Arguments stand in braces; other braces of SQL stay as they are."""
    text = "select {email}, '{}'::jsonb, {email}"
    assert placeholders(text) == ["email", "email"]
    assert filled(text, {"email": "'a'"}) == "select 'a', '{}'::jsonb, 'a'"
