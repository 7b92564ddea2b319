"""What do single settings such as ``policy.initial_credits=2`` make of a scenario?"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

import attrs

from crm_adapters.toml import BadToml, read_toml
from crm_domain.rules import Rules
from crm_domain.simulation import Scenario
from crm_domain.simulation.parameters import with_parameters
from crm_domain.wording import cut, quoted

from .errors import ScenarioError

T = TypeVar("T")

RULES: Final = "rules"
"""The one path that names a whole: its values are steps such as ``hardened,-grant_once``."""


def with_settings(scenario: Scenario, settings: Iterable[str]) -> Scenario:
    """Return a scenario with settings ``PATH=VALUE``; values are written as in a TOML file, texts without quotes.

    They take effect together, so that two of them may be possible only with one another.

    Raises:
        ScenarioError: One is none, or its value is not possible; the message names it, and lists near paths.
    """
    values: dict[str, Any] = {}
    for setting in settings:
        path, text = parted(setting)
        if path in values:
            raise ScenarioError(path, None, "is set twice: leave one out")
        try:
            values[path] = value_of(text)
        except BadToml as error:
            raise ScenarioError(path, None, error.problem) from None
    return with_values(scenario, values)


def with_values(scenario: Scenario, values: dict[str, Any]) -> Scenario:
    """Return a scenario with these values at their paths; ``rules`` takes steps.

    Raises:
        ScenarioError: A path or a value is not possible.
    """
    try:
        others = {path: _checked(path, value) for path, value in values.items() if path != RULES}
        if RULES in values:
            rules = _rules(values[RULES])
            scenario = attrs.evolve(scenario, rules=attrs.evolve(rules, credit_policy=scenario.policy))
        return with_parameters(scenario, others)
    except (TypeError, ValueError) as error:
        raise ScenarioError("setting", None, _without_repetition(str(error), values)) from None


def _rules(steps: object) -> Rules:
    if not isinstance(steps, str):
        raise TypeError(f"rules: expected steps such as hardened,-grant_once, got {quoted(steps)}")
    return Rules.parse(steps)


def _without_repetition(said: str, paths: Iterable[str]) -> str:
    """Return a message whose path a part of the scenario repeats, by its own short name, with the path alone."""
    path, _, rest = said.partition(": ")
    short, _, problem = rest.partition(": ")
    return f"{path}: {problem}" if problem and path in paths and path.endswith(short) else said


def alternatives(setting: str) -> tuple[str, list[str]]:
    """Return the path and the texts of the values of ``PATH=VALUE,VALUE,…``; behind a semicolon, commas are part of them.

    Raises:
        ScenarioError: It has not this form, or one value twice.
    """
    path, text = parted(setting)
    separator = ";" if ";" in text else ","
    texts = [part.strip() for part in text.split(separator)]
    if not all(texts):
        raise ScenarioError(path, None, f"a value is missing in {quoted(setting)}: write {path}=VALUE,VALUE")
    if len(set(texts)) < len(texts):
        raise ScenarioError(path, None, f"a value is there twice in {quoted(setting)}")
    return path, texts


def parted(setting: str) -> tuple[str, str]:
    """Return the path and the text of a setting.

    Raises:
        ScenarioError: It has not the form ``PATH=VALUE``.
    """
    path, equals, text = setting.partition("=")
    if not (path.strip() and equals and text.strip()):
        raise ScenarioError(
            "setting", None, f"expected PATH=VALUE such as policy.initial_credits=2, got {quoted(setting)}"
        )
    return path.strip(), text.strip()


def value_of(text: str) -> Any:
    """Return the value that a text stands for in TOML; the text itself if it is none.

    Raises:
        BadToml: It is a number that no one can count, or nests too deeply.
    """
    try:
        return read_toml(f"value = {text}", number_of)["value"]
    except BadToml as error:
        if not error.is_syntax:
            raise
        return {"none": None, "None": None}.get(text, text)


def number_of(text: str) -> float | Decimal:
    """Return a number with a fraction: exact, where it is so as a price has it.

    Raises:
        ValueError: Its exponent is one that no one can count.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the exponent of the number {cut(text)} is too long") from None
    return number if number.is_finite() else float(text)


def plain(value: Any) -> Any:
    """Return a value as the fields that are not prices take it: numbers are floats."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return tuple(map(plain, value))
    return value


def _checked(path: str, value: Any) -> Any:
    try:
        return as_needed(path.rpartition(".")[2], value)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def as_needed(name: str, value: Any) -> Any:
    """Return a value as the field of this name takes it: an infinite shape is None, prices are exact.

    Raises:
        ValueError: It is no price.
    """
    if name == "price":
        try:
            return Decimal(value) if type(value) is int else Decimal(str(value))
        except (ArithmeticError, ValueError):
            raise ValueError(f"expected an amount such as 12.99, got {quoted(value)}") from None
    value = plain(value)
    return None if name == "alike" and value == float("inf") else value
