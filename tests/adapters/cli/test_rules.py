"""``crm-domain rules``: what there is, and whether it is on."""

from __future__ import annotations

from typing import Any

import pytest

from crm_domain import SAFEGUARDS
from crm_domain.errors import REFUSALS
from crm_domain.laws import LAWS


@pytest.fixture
def shown(call: Any) -> str:
    """The tables under the default rules."""
    called = call("rules")
    assert called.exit_code == 0
    return str(called.stdout)


def test_everything_is_there(shown: str) -> None:
    """Every safeguard, refusal and law is named."""
    names = {*SAFEGUARDS, *REFUSALS, *(law.name for law in LAWS)}
    assert names <= set(shown.split())


def test_sections_are_there(shown: str) -> None:
    """Every law and every safeguard comes with the section of the document it is about."""
    words = " ".join(shown.replace("\n", " ").split())
    short = [
        text for text in (*(s.section for s in SAFEGUARDS.values()), *(law.section for law in LAWS)) if len(text) < 40
    ]
    assert len(short) > 20
    assert [text for text in short if f"({text})" not in words] == []


def test_tables_fit_a_terminal(shown: str) -> None:
    """No line is longer than the terminal is wide."""
    assert max(map(len, shown.splitlines())) <= 80


def test_reading_decides_what_is_on(call: Any) -> None:
    """Each safeguard is on or off as in the chosen reading."""
    lines = call("rules", "--rules", "seed,+owner_pair").stdout.splitlines()
    state = {words[1]: words[0] for line in lines if (words := line.split())[:1] in (["on"], ["off"])}
    assert state == dict.fromkeys(SAFEGUARDS, "off") | {"owner_pair": "on"}


def test_json(call: Any) -> None:
    """For programs there is one JSON object with the same."""
    (rules,) = call("rules", "--json", "--rules=-one_email").objects
    assert rules["rules"] == "hardened,-one_email"
    assert rules["credits"] == {
        "initial_credits": 4,
        "regular_initial_credits": 0,
        "credits_per_payment": 3,
        "price": "12.99",
        "refund_failed_recordings": False,
    }
    assert [safeguard["name"] for safeguard in rules["safeguards"] if not safeguard["on"]] == ["one_email"]
    assert [law["name"] for law in rules["laws"]] == [law.name for law in LAWS]
    assert all(refusal["meaning"] for refusal in rules["refusals"])
