"""``ops.toml``: what may stand in it, and what is said of everything else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from crm_adapters.postgres.errors import BadOperations
from crm_adapters.postgres.operations import (
    OPERATIONS,
    Operation,
    OtherPolicy,
    Step,
    filled,
    placeholders,
    read_operations,
)
from crm_domain import CreditPolicy, Role


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
        ("[operations.track_view]", "operations.track_view: give one of function, sql and steps"),
        (
            "[operations.track_view]\nfunction = 'f'\narguments = { seconds = 'p' }",
            "operations.track_view: there is no argument 'seconds'; there are email",
        ),
        ("[operations.track_view]\nsql = 'select {mail}'", "there is no argument 'mail'"),
        ("[operations.use_idempotency_key]\nsql = 'select {fingerprint}, {when}'", "there is no argument 'when'"),
        (
            "[operations.track_view]\nsql = 'x'\notherwise = 'no'",
            "operations.track_view: 'no' is no kind of refusal; there are permission_denied",
        ),
        (
            "[[operations.create_recording.steps]]\nsql = 'select {mail}'",
            "operations.create_recording: there is no argument 'mail'; did you mean email?",
        ),
        (
            "[[operations.create_recording.steps]]\nsql = 'x'\nby = 'root'",
            "@ ops.toml.operations['create_recording'].steps[0].by",
        ),
        ("[reads]\ncustomers = 'c'", "there is no table 'customers'"),
        ("[ids]\nchosen_by_database = ['customers']", "there is no table 'customers'"),
        ("[tolerate]\nall = true", "tolerate: there is no 'all'; there are silent_refusal"),
        ("[tolerate]\nsilent_refusal = 1", "expected bool @ ops.toml.tolerate['silent_refusal']"),
        ("[policy]\ncost = 0", "policy.cost: a recording costs at least 1, not 0"),
        (
            "[policy]\ncost = 5\ninitial_credits = 4",
            "policy.initial_credits: 4 is no multiple of what a recording costs, 5",
        ),
        ("[policy]\nprice = 'much'", "policy.price: 'much' is no amount"),
        ("[policy]\nprice = '-1'", "policy.price: expected a positive amount with at most two decimals, got -1"),
        (
            "[policy]\ninitial_credits = -1",
            "policy.initial_credits: expected a whole number from 0 to 2147483647, got -1",
        ),
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


def test_a_policy_of_its_own() -> None:
    """What is not said is as usual; with a cost, the model counts in recordings."""
    usual = CreditPolicy()
    assert OtherPolicy().policy() == usual
    own = OtherPolicy(cost=5, credits_per_payment=50, regular_initial_credits=20, price="19.00")
    assert own.policy(CreditPolicy(initial_credits=7)) == CreditPolicy(
        initial_credits=7, credits_per_payment=10, regular_initial_credits=4, price=Decimal("19.00")
    )


def test_what_an_operation_takes() -> None:
    """The arguments of a function, or what stands in braces; who asks is always known."""
    assert Operation(function="f", arguments={"email": "p"}).taken == {"email"}
    assert Operation(sql="select {email}, {asker}").taken == {"email"}
    assert Operation(steps=(Step(sql="{id}"), Step(sql="{user_id}"))).taken == {"id", "user_id"}
