"""Which number of a scenario does a dotted path name, and what is the scenario with another?

A path names a field of the scenario, or of what is inside of it: ``crm.recordings_per_day``. The
credit policy is called by its short name: ``policy.initial_credits``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import attrs

from crm_domain.wording import hint, meant, near, quoted

S = TypeVar("S")

SHORT: Final = {"policy": "rules.credit_policy"}
"""Short names of what is deep inside."""


class UnknownParameter(ValueError):  # noqa: N818  # it names the mistake
    """Raised when a path names nothing; the message lists those that are near.

    Attributes:
        path: What was asked for.
        near: Paths that read alike, the likeliest first.
    """

    def __init__(self, path: str, paths: Iterable[str]) -> None:
        paths = list(paths)
        self.path, self.near = path, tuple(_alike(path, paths))
        super().__init__(f"there is no parameter {quoted(path)}; {meant(self.near) or hint(path, paths)}")


def parameters_of(scenario: Any) -> dict[str, Any]:
    """Return every parameter by its path, in the order in which they are declared."""
    return dict(_leaves(scenario, ""))


def with_parameters(scenario: S, values: Mapping[str, Any]) -> S:
    """Return the scenario with other values at these paths; they take effect together.

    Raises:
        UnknownParameter: There is no such path.
        TypeError, ValueError: A value is not possible there; the message names its path.
    """
    known = parameters_of(scenario)
    for path in values:
        if path not in known:
            raise UnknownParameter(path, known)
    changes = {_full(path): _as_in(known[path], value) for path, value in values.items()}
    try:
        changed: S = _evolved(scenario, changes)
    except (TypeError, ValueError) as error:
        said = str(error)
        where = "" if said.startswith(tuple(values)) else f"{', '.join(values)}: "
        raise type(error)(where + said) from None
    return changed


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for field in attrs.fields(type(node)):
        value, path = getattr(node, field.name), f"{prefix}{field.name}"
        if attrs.has(type(value)):
            short = next((short for short, full in SHORT.items() if full == path), path)
            yield from _leaves(value, f"{short}.")
        else:
            yield path, value


def _full(path: str) -> str:
    head, _, rest = path.partition(".")
    return f"{SHORT.get(head, head)}.{rest}" if rest else head


def _as_in(present: Any, value: Any) -> Any:
    """Return a value as the field wants it: a price may be written as any number."""
    if isinstance(present, Decimal) and isinstance(value, int | float | str) and not isinstance(value, bool):
        return Decimal(value) if isinstance(value, int) else Decimal(str(value))
    return value


def _evolved(node: Any, changes: Mapping[str, Any]) -> Any:
    inner: dict[str, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for path, value in changes.items():
        head, _, rest = path.partition(".")
        if rest:
            inner.setdefault(head, {})[rest] = value
        else:
            whole[head] = value
    return attrs.evolve(node, **whole, **{head: _evolved(getattr(node, head), below) for head, below in inner.items()})


def _alike(path: str, paths: list[str]) -> list[str]:
    """Return the paths that read like *path*, by the whole of it or by its last name."""
    by_last: dict[str, list[str]] = {}
    for known in paths:
        by_last.setdefault(known.rpartition(".")[2], []).append(known)
    last = path.rpartition(".")[2]
    alike = [known for name in near(last, by_last, cutoff=0.7) for known in by_last[name]]
    return list(dict.fromkeys([*by_last.get(last, []), *near(path, paths), *alike]))[:3]
