"""The kinds of refusal, their codes and their rank."""

from __future__ import annotations

import inspect
import pickle

import pytest

from crm_domain import Refused, errors
from crm_domain.errors import REFUSALS

KINDS = {
    "permission_denied": ("PermissionDenied", "42501"),
    "rls_violation": ("RlsViolation", "42501"),
    "not_null_violation": ("NotNullViolation", "23502"),
    "check_violation": ("CheckViolation", "23514"),
    "invalid_email": ("InvalidEmail", None),
    "unique_violation": ("UniqueViolation", "23505"),
    "conflict": ("Conflict", None),
    "foreign_key_violation": ("ForeignKeyViolation", "23503"),
    "insufficient_credits": ("InsufficientCredits", "P0001"),
}


def test_codes_and_sqlstates_are_the_specified_ones() -> None:
    """Every kind by its code, with PostgreSQL's code where PostgreSQL has one."""
    assert {code: (kind.__name__, kind.sqlstate) for code, kind in REFUSALS.items()} == KINDS


def test_every_kind_says_when_it_is_raised() -> None:
    """Its docstring begins so; and the tree in the module's docstring shows its code and SQLSTATE."""
    for code, kind in REFUSALS.items():
        assert str(inspect.getdoc(kind)).startswith("Raised when ")
        assert any(
            kind.__name__ in line and code in line and (kind.sqlstate or "") in line
            for line in str(errors.__doc__).splitlines()
        )


@pytest.mark.parametrize("kind", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_carries_what_was_wrong(kind: type[Refused]) -> None:
    """Message, table, column, safeguard, section; all but the message may be unknown."""
    refusal = kind("No.", table="t", column="c", safeguard="s", section="x")
    assert str(refusal) == refusal.message == "No."
    assert (refusal.table, refusal.column, refusal.safeguard, refusal.section) == ("t", "c", "s", "x")
    bare = kind("No.")
    assert (bare.table, bare.column, bare.safeguard, bare.section) == (None, None, None, None)


def test_a_signature_is_what_makes_two_refusals_the_same() -> None:
    """Words may differ; code, table, column and safeguard may not."""
    kind = REFUSALS["conflict"]
    assert kind("One.", table="t").signature == kind("Other.", table="t").signature == ("conflict", "t", None, None)
    assert kind("One.", table="t").signature != kind("One.", table="u").signature
    assert kind("One.").signature != REFUSALS["unique_violation"]("One.").signature


@pytest.mark.parametrize("kind", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_travels_between_processes(kind: type[Refused]) -> None:
    """Pickled and back, it says the same."""
    refusal = kind("No.", table="t", column="c", safeguard="s", section="x")
    back = pickle.loads(pickle.dumps(refusal))
    assert type(back) is kind
    assert (back.message, back.signature, back.section) == (refusal.message, refusal.signature, refusal.section)


def test_a_refusal_is_no_programming_mistake() -> None:
    """Whoever catches mistakes does not catch answers, nor the reverse."""
    assert not issubclass(Refused, TypeError | ValueError | ArithmeticError | LookupError)
