"""What messages repeat of names and values is cut, and what is near to an unknown name is offered."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crm_domain.wording import SHOWN_MAX, cut, hint, meant, quoted, unknown


def test_what_is_longer_than_a_person_reads_is_cut() -> None:
    """The cut is shown, and what is short enough stays as it is."""
    assert cut("a" * SHOWN_MAX) == "a" * SHOWN_MAX
    assert cut("a" * 2_000) == "a" * (SHOWN_MAX - 1) + "…"
    assert cut("abc", 2) == "a…"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("amy", "'amy'"),
        ("\x1b[31m", "'\\x1b[31m'"),
        ("a" * 2_000, repr("a" * 59 + "…")),
        (5, "5"),
        (True, "True"),
        (10**70, "1" + "0" * 58 + "…"),
        (-(10**5_000), "a whole number of about 5,000 digits"),
        (Decimal("1e308"), "Decimal('1E+308')"),
        ([10**5_000], "a list that cannot be written"),
        (None, "None"),
    ],
    ids=["text", "escape", "long", "number", "truth", "digits", "many", "amount", "list", "none"],
)
def test_values_are_repeated_as_python_writes_them(value: object, text: str) -> None:
    """Also those that Python refuses to write."""
    assert quoted(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("track_vew", "there is no command 'track_vew'; did you mean track_view?"),
        ("x" * 2_000, f"there is no command {'x' * 59 + '…'!r}; there are track_view, select"),
        (["select"], "there is no command ['select']; there are track_view, select"),
    ],
)
def test_an_unknown_name_comes_with_those_that_are_near(name: object, text: str) -> None:
    """Where none is near, all that there are are listed."""
    assert unknown(name, iter(["track_view", "select"]), "command") == text


def test_hints_and_questions() -> None:
    """They are the ends of messages that begin in another way."""
    assert hint("selekt", ["select", "update"]) == "did you mean select?"
    assert meant([]) == ""
