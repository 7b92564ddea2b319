"""What does a retry get that carries the idempotency key of a command before it?

The first one's answer, and nothing more happens. The key belongs to the principal who used it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

import attrs

from .answers import Accepted, AnsweredBy, answer_type
from .decide import decide
from .decision import View, refuse_faults
from .errors import Conflict, Refused
from .events import Event, IdempotencyKeyUsed, concerned
from .ids import Principal
from .ports import Journal
from .rows import IDEMPOTENCY_KEYS
from .rules import Rules
from .values import EXACT, json_text, plain_text, text_fault
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


def idempotency_key(key: str, rules: Rules) -> str:
    """Return an idempotency key as it is stored.

    Raises:
        TypeError: It is not text.
        ValueError: It holds what no database stores.
        CheckViolation: It is empty, or too long.
    """
    if not isinstance(key, str):
        raise TypeError(f"key: expected str or None, got {type(key).__name__}")
    fault = text_fault(plain_text(key))
    if fault is not None:
        raise ValueError(f"key: it {fault}")
    refuse_faults(IDEMPOTENCY_KEYS.column("key").faults(key), IDEMPOTENCY_KEYS, rules)
    return plain_text(key)


def fingerprint(command: AnsweredBy[Accepted]) -> str:
    """Return what is the same for two commands that ask for the same, and for no others."""
    kind = type(command)
    names = [a.name for a in attrs.fields(kind) if a.eq] if attrs.has(kind) else []
    content = ", ".join(f"({name!r}, {_one_form(getattr(command, name))})" for name in names)
    return hashlib.sha256(f"({kind.__name__!r}, [{content}])".encode(errors="surrogatepass")).hexdigest()


def _one_form(value: object) -> str:
    """Return the same text for equal values: the order of keys and trailing zeros say nothing.

    JSON may be deeper than the stack is, so what is left to write is a list.
    """
    written: list[str] = []
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Piece):
            written.append(item)
        elif isinstance(item, dict):
            pairs = [(_Piece(f"({name!r}, "), item[name], _Piece(")")) for name in sorted(item)]
            waiting += _listed(pairs)
        elif isinstance(item, list):
            waiting += _listed([(part,) for part in item])
        elif isinstance(item, Decimal) and item.is_finite():
            written.append(repr(item.normalize(EXACT)))
        else:
            written.append(repr(item))
    return "".join(written)


class _Piece(str):
    """A piece of text that is written as it is."""

    __slots__ = ()


def _listed(items: Sequence[tuple[object, ...]]) -> list[object]:
    """Return what writes a list of items, last to first."""
    pieces: list[object] = [_Piece("[")]
    for n, item in enumerate(items):
        pieces += [_Piece(", ")] if n else []
        pieces += item
    return [_Piece("]"), *reversed(pieces)]
