"""The sample log tells two weeks in the life of a small service, and shows every rule at work."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from crm_adapters.cli.options import sample_log
from crm_domain.command_log import REQUESTS
from crm_domain.errors import REFUSALS


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in sample_log().splitlines()]


@pytest.fixture
def outcomes(call: Any) -> list[dict[str, Any]]:
    called = call("run", "--sample")
    assert (called.exit_code, called.stderr) == (0, "")
    objects: list[dict[str, Any]] = called.objects
    return objects


@pytest.fixture
def final(call: Any) -> dict[str, Any]:
    ((final,),) = (o.values() for o in call("run", "--sample", "--quiet", "--final").objects)
    assert isinstance(final, dict)
    return final


def test_log_is_a_story_in_order(lines: list[dict[str, Any]]) -> None:
    """A few hundred lines, every command among them, in the order of their times, over two weeks."""
    times = [line["at"] for line in lines]
    assert len(lines) == 418
    assert len(sample_log()) < 200_000
    assert times == sorted(times)
    assert (times[0][:10], times[-1][:10]) == ("2026-03-02", "2026-03-15")
    assert {line["cmd"] for line in lines} == REQUESTS.keys()


def test_every_kind_of_refusal_appears(outcomes: list[dict[str, Any]]) -> None:
    """Each kind is there at least once; most lines are accepted."""
    results = Counter(outcome["result"] for outcome in outcomes)
    assert results.keys() == {"ok", *REFUSALS}
    assert results["ok"] == 372


def test_final_balances(final: dict[str, Any]) -> None:
    """Who paid how much and recorded how often is left with this."""
    credits_ = {name: user["profile_credits"] for name, user in final["users"].items()}
    assert credits_ == {
        "amy": 1, "bob": 1, "chen": 1, "dana": 1, "emil": 1, "fatima": 1, "giulia": 2, "hiro": 2,
        "karl": 0, "lena": 4, "nora": 4, "mallory": 2, "marco": 3, "ines": 0, "paul": 2, "zoe": 0,
    }  # fmt: skip
    assert all(user["crm_credits"] in {None, user["profile_credits"]} for user in final["users"].values())


def test_regular_user_who_became_a_crm_user(final: dict[str, Any], outcomes: list[dict[str, Any]]) -> None:
    """Nora kept her paid credits, got 4 more, kept her old rows, and counts only in the CRM tables since."""
    (nora,) = (o for o in outcomes if o["n"] == 245)
    assert nora["rows"][0]["credits_remaining"] == 2 + 4
    assert final["visible"]["nora"] | {"job_requests": 1, "recordings": 1} == final["visible"]["nora"]
    assert final["users"]["nora"]["stats"]["total_recordings"] == 2


def test_deactivated_and_erased_users(final: dict[str, Any]) -> None:
    """A pause ended; whoever was erased came back by a stale list without new credits, and was paused."""
    active = {name: user["is_active"] for name, user in final["users"].items()}
    assert (active["bob"], active["giulia"], active["karl"]) == (True, False, None)
    assert final["users"]["giulia"]["stats"]["total_recordings"] == 0


def test_intruder_got_nothing(final: dict[str, Any], outcomes: list[dict[str, Any]]) -> None:
    """Mallory asked for much on one morning, and moved nothing but her own rows."""
    morning = [o for o in outcomes if 88 <= o["n"] <= 101]
    assert all(o["result"] != "ok" or o.get("rows") in ([], ["mallory"]) or o.get("affected") == 0 for o in morning)
    assert final["users"]["amy"]["stats"]["total_recordings"] == 6


def test_two_tabs_oversell_without_the_safeguard(call: Any) -> None:
    """Amy recorded in two tabs at balance 1: one is refused, unless check and consume are two steps."""
    tabs = [[o["result"] for o in call("run", "--sample", *rules).objects if o["n"] in {180, 181}] for rules in
            ([], ["--rules", "-atomic_consume"])]  # fmt: skip
    assert tabs == [["ok", "insufficient_credits"], ["ok", "ok"]]


def test_sample_is_printed(call: Any) -> None:
    """Without a name it goes to standard output, byte by byte."""
    assert call("sample").stdout.encode() == sample_log()


def test_sample_is_saved(call: Any, tmp_path: Path) -> None:
    """Under a name it is saved, and what is there already is left alone."""
    path = tmp_path / "my.jsonl"
    assert call("sample", "--out", path).stdout.endswith(f"crm-domain run {path} --summary\n")
    assert path.read_bytes() == sample_log()
    again = call("sample", "--out", path)
    assert (again.exit_code, again.stderr) == (1, f"Error: {path} exists already: delete it, or choose another name.\n")
