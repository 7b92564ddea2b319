"""What does a retry get that carries the idempotency key of a command before it?

The first one's answer, and nothing more happens. The key belongs to the principal who used it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

import attrs

from .answers import Accepted, AnsweredBy, answer_type
from .decide import decide
from .decision import View
from .errors import Conflict, Refused
from .events import Event, IdempotencyKeyUsed, concerned
from .ids import Principal
from .ports import Journal
from .schema import json_text
from .wording import quoted

A = TypeVar("A", bound=Accepted)


def decide_keyed(
    view: View, journal: Journal, principal: Principal, command: AnsweredBy[A], key: str, at: datetime
) -> tuple[A, tuple[Event, ...]]:
    """Decide a command that carries an idempotency key, or give the answer that it got before.

    Returns:
        The answer, and the events to keep: none for a retry.

    Raises:
        Conflict: The key was used for another command.
        Refused: As `decide`.
    """
    content = fingerprint(command)
    used = view.tables.idempotency_keys.get(_key_id(principal, key))
    if used is None:
        accepted = decide(view, principal, command, at)
        accounts = [*map(concerned, accepted.events), principal.user_id]
        first = next(filter(None, accounts), None)
        if first is not None:
            accepted.version = journal.version_of(first) + accounts.count(first)
        return accepted, (*accepted.events, _key_used(principal, key, content, accepted, at))
    if used.fingerprint == content:
        return _first_answer(command, str(used.answer)), ()
    try:
        decide(view, principal, command, at)
    except Refused as refusal:
        if refusal.precedence < Conflict.precedence:
            raise
    raise Conflict(
        f"The idempotency key {quoted(key)} was used for another command: choose a new key for a new command.",
        section="Recording Creation Flow",
    )


_ANSWER: Final = ("id", "user_id", "credited", "affected", "version")


def _key_used(principal: Principal, key: str, content: str, accepted: Accepted, at: datetime) -> IdempotencyKeyUsed:
    answer = json_text({name: getattr(accepted, name, None) for name in _ANSWER}, "answer")
    return IdempotencyKeyUsed.of(
        id=_key_id(principal, key),
        user_id=principal.user_id,
        key=key,
        fingerprint=content,
        answer=answer,
        created_at=at,
    )


def _first_answer(command: AnsweredBy[A], saved: str) -> A:
    kind, given = answer_type(type(command)), json.loads(saved)
    return kind((), replayed=True, **{a.name: given[a.name] for a in attrs.fields(kind) if a.name in given})


def _key_id(principal: Principal, key: str) -> str:
    return f"{principal}/{key}"


def fingerprint(command: AnsweredBy[Accepted]) -> str:
    """Return what is the same for two commands that ask for the same, and for no others."""
    kind = type(command)
    names = [a.name for a in attrs.fields(kind) if a.eq] if attrs.has(kind) else []
    content = repr((kind.__name__, [(name, _one_form(getattr(command, name))) for name in names]))
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()


def _one_form(value: object) -> object:
    """Return what prints the same for equal values: the order of keys and trailing zeros say nothing."""
    if isinstance(value, dict):
        return sorted((name, _one_form(item)) for name, item in value.items())
    if isinstance(value, list):
        return [_one_form(item) for item in value]
    if isinstance(value, Decimal) and value.is_finite():
        return value.normalize()
    return value
