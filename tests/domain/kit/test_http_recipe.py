"""The recipe for a service with an HTTP API of its own: the code of its page drives one, and finds what is wrong there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from importlib.resources import files
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx
import pytest

from crm_domain.testing import Report, conformance

RECIPE = re.compile(r"```python\n(.*?)```", re.DOTALL)


class No(Exception):  # noqa: N818 - the service says no
    """Raised with the status with which the service declines."""


class Clips:
    """A service that sells clips, as a WSGI application: ids are numbers, people are named in a header."""

    def __init__(self, faults: frozenset[str] = frozenset()) -> None:
        self.faults = faults
        self.begin()

    def begin(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.payments: list[dict[str, Any]] = []
        self.clips: list[dict[str, Any]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            answer = self.answer(environ, json.loads(body or "{}"))
            status = "200 OK"
        except No as no:
            answer, status = "no", f"{no} No"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def answer(self, environ: WSGIEnvironment, given: dict[str, Any]) -> Any:
        path: str = environ["PATH_INFO"]
        role, _, user = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        if path == "/begin-anew":
            return self.begin()
        me = int(user) if user.isdigit() else None
        if role == "anon":
            raise No(401)
        if environ["REQUEST_METHOD"] == "GET":
            return list(self.seen(path, role, me))
        if path == "/clips":
            return self.make_clip(given, role, me)
        if role != "service":
            raise No(401)
        return self.sign_up(given) if path == "/users" else self.pay(given)

    def seen(self, path: str, role: str, me: int | None) -> Iterator[dict[str, Any]]:
        rows = {"/users": self.users, "/clips": self.clips, "/payments": self.payments}[path]
        for row in rows:
            if role == "service" or "reads" in self.faults or row["id" if path == "/users" else "user"] == me:
                yield row

    def sign_up(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["email"] is None:
            raise No(422)
        if any(user["email"] == given["email"] for user in self.users):
            raise No(409)
        self.users.append({"id": len(self.users) + 1, "email": given["email"], "credits": 0})
        return self.users[-1]

    def one(self, user: int | None) -> dict[str, Any]:
        if not isinstance(user, int) or not 0 < user <= len(self.users):
            raise No(404)
        return self.users[user - 1]

    def pay(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["reference"] is None or given["user"] is None or given["amount"] is None or "\0" in given["reference"]:
            raise No(422)
        if Decimal(given["amount"]) != Decimal("12.99"):
            raise No(422)
        known = [payment for payment in self.payments if payment["reference"] == given["reference"]]
        if known and "twice" not in self.faults:
            if known[0]["user"] != given["user"]:
                raise No(409)
            return {"is_new": False}
        self.one(given["user"])["credits"] += 3
        self.payments.append({"id": len(self.payments) + 1, **given})
        return {"is_new": True}

    def make_clip(self, given: dict[str, Any], role: str, me: int | None) -> dict[str, Any]:
        if role != "service" and (me is None or given["user"] != me) and "others" not in self.faults:
            raise No(403)
        if any(clip["key"] == given["key"] for clip in self.clips):
            raise No(409)
        owner = self.one(given["user"])
        if "free" not in self.faults and owner["credits"] < 1:
            raise No(402)
        owner["credits"] -= 1
        self.clips.append({"id": len(self.clips) + 1, **given})
        return self.clips[-1]


def searched(*faults: str) -> Report:
    """Hold the service to the laws, with the code of the page."""
    page = files("crm_domain.testing").joinpath("http_recipe.md").read_text("utf-8")
    found = RECIPE.search(page)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    with httpx.Client(transport=httpx.WSGITransport(Clips(frozenset(faults))), base_url="http://clips.test") as client:
        return conformance(
            names["HttpBackend"](client), walks=60, plain_text_only=True, tolerate=["other_refusal", "no_normal_form"]
        )


def test_the_service_keeps_the_laws() -> None:
    """Nothing is found, and of what it does not have, the laws are not testable."""
    report = searched()
    report.assert_held()
    assert "counters_equal_fold_of_events" in report.unsupported
    assert "payment_is_idempotent" not in report.unsupported


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("twice", "payment_is_idempotent"),
        ("free", "balance_never_negative"),
        ("reads", "reads_see_only_own_rows"),
        ("others", "service_passes_policies_not_rules"),
    ],
)
def test_what_is_wrong_with_it_is_found(fault: str, law: str) -> None:
    """By the law that says what it is."""
    assert law in searched(fault).broken
