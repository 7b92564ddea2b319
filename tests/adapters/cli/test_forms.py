"""Answers in three forms: tables that a person reads, JSON that loses nothing, CSV that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from crm_adapters.cli.printing import Form, print_rows, shown

AT = datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC)


def cells(capsys: pytest.CaptureFixture[str], value: object) -> str:
    """Return what CSV has for a value."""
    print_rows(Form.CSV, ["value"], [{"value": value}])
    _, (cell,) = csv.reader(io.StringIO(capsys.readouterr().out, newline=""))
    return cell


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (-3, "-3"),
        (-2.5, "-2.5"),
        (True, "true"),
        (AT, "2026-01-01T12:30:15Z"),
        (Decimal("12.90"), "12.90"),
        ({"é": [1, None, {"at": AT}]}, '{"é": [1, null, {"at": "2026-01-01T12:30:15Z"}]}'),
        ('one, "two"\nthree', 'one, "two"\nthree'),
    ],
)
def test_csv_says_every_value(value: object, cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """NULL is empty, times are RFC 3339, and what is no scalar is JSON."""
    assert cells(capsys, value) == cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_csv_holds_no_formula(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A text that a spreadsheet would execute gets an apostrophe before it."""
    assert cells(capsys, text) == f"'{text}"


def test_csv_has_a_header_and_the_line_ends_of_the_standard(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Also without a row."""
    print_rows(Form.CSV, ["a", "b"], [])
    assert capsysbinary.readouterr().out == b"a,b\r\n"


def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Amounts are text, because they are exact."""
    print_rows(Form.JSON, ["a"], [{"a": Decimal("12.90"), "b": 1}, {"a": [AT]}])
    assert capsys.readouterr().out == '{"a": "12.90"}\n{"a": ["2026-01-01T12:30:15Z"]}\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (7, 7),
        (True, "yes"),
        (False, "no"),
        (AT, "2026-01-01 12:30"),
        (Decimal("12.90"), "12.90"),
        ({"plan": "pro"}, '{"plan": "pro"}'),
        ("Zoë", "Zoë"),
        ("\x1b[2Jgone\u202e\n", r"\x1b[2Jgone\u202e\n"),
    ],
)
def test_people_read_plain_text(value: object, text: object) -> None:
    """What users wrote moves no cursor and turns no line around."""
    assert shown(value) == text


@pytest.mark.parametrize("command", [["users"], ["needs-credits"], ["stats"], ["user", "amy@x.test"]])
def test_forms_exclude_each_other(command: list[str], call: Any, shop: Any) -> None:
    called = call(*command, "--json", "--csv")
    assert called.exit_code == 2
    assert "Give either --json or --csv." in called.stderr
