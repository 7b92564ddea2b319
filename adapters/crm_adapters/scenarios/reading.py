"""What scenario does a TOML file describe, or on which line is the mistake?"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import IO, Any, Final

import attrs
from attrs import field, frozen

from crm_adapters.inputs import SETTINGS_MAX
from crm_adapters.toml import BadToml, read_toml
from crm_domain.rules import CreditPolicy, Rules
from crm_domain.simulation import Arrivals, Scenario
from crm_domain.simulation.parameters import UnknownParameter

from .csvfiles import content_of, decoded, is_database
from .dates import arrival_dates
from .errors import DataError, ScenarioError
from .lines import lines_of
from .settings import as_needed, number_of

_PATH: Final = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")
_FROM_FILE: Final = ("file", "column")

SECTIONS: Final[Mapping[str, type[Any]]] = {
    "policy": CreditPolicy,
    **{
        name: type(part)
        for name, part in attrs.asdict(Scenario(), recurse=False).items()
        if attrs.has(type(part)) and name != "rules"
    },
}
"""The sections of a file, and what each of them describes; ``rules`` is one key, not a section."""


def load(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario from a TOML file; what the file leaves out takes its default.

    Raises:
        ScenarioError: It does not describe one; with the line and what to do.
        DataError: A file of dates that it names cannot be read.
        OSError: The file cannot be read.
    """
    file = Path(path)
    if file.is_file() and is_database(file):
        raise ScenarioError(file, None, "is a database, and a scenario is a text (TOML)")
    with file.open("rb") as opened:
        return loads(text_of_scenario(opened, str(file)), name=str(file), folder=file.parent)


def text_of_scenario(file: IO[bytes], name: str) -> str:
    """Return the text of a scenario.

    Raises:
        ScenarioError: It is too long, or not UTF-8.
    """
    try:
        return decoded(content_of(file, name, SETTINGS_MAX), name)
    except DataError as error:
        raise ScenarioError(error.name, error.number, error.problem) from None


def loads(text: str, *, name: str = "scenario", folder: Path = Path()) -> Scenario:
    """Read a scenario from the text of a TOML document.

    Args:
        text: The document.
        name: What messages call it.
        folder: Where the files that it names are.

    Raises:
        ScenarioError: It does not describe one; with the line and what to do.
        DataError: A file of dates that it names cannot be read.
    """
    try:
        tree = read_toml(text, number_of)
    except BadToml as error:
        raise ScenarioError(name, error.number, error.problem) from None
    return _Document(name=name, text=text, folder=folder, tree=tree).scenario()


@frozen(kw_only=True)
class _Document:
    """A TOML document that is to describe a scenario."""

    name: str
    text: str = field(repr=False)
    folder: Path
    tree: Mapping[str, Any] = field(repr=False)

    def scenario(self) -> Scenario:
        self._refuse_unknown()
        parts = {name: self._part(name, kind) for name, kind in SECTIONS.items() if name in self.tree}
        rules = self._rules(parts.pop("policy", CreditPolicy()))
        plain = {key: self._value(key, value) for key, value in self.tree.items() if key not in {*SECTIONS, "rules"}}
        try:
            return Scenario(**{**self._implied(parts), **plain}, **parts, rules=rules)
        except (TypeError, ValueError) as error:
            raise self._mistake(str(error)) from None

    # --- names ----------------------------------------------------------------------------

    def _refuse_unknown(self) -> None:
        tops = [*_names(Scenario), "rules", *SECTIONS]
        below = {name: [f"{name}.{key}" for key in _names(kind)] for name, kind in SECTIONS.items()}
        everything = [*tops, *(path for paths in below.values() for path in paths)]
        for key, value in self.tree.items():
            if key not in tops:
                raise self._unknown((key,), everything, tops)
            if key in SECTIONS:
                if not isinstance(value, Mapping):
                    raise self._error((key,), f"{key}: expected a section [{key}], got {_said(value)}")
                for inner in value:
                    if f"{key}.{inner}" not in below[key]:
                        raise self._unknown((key, inner), [*below[key], *everything[len(tops) :]], below[key])

    def _unknown(self, keys: tuple[str, ...], everything: list[str], here: list[str]) -> ScenarioError:
        """Return an error that names what is near to an unknown key, or else what there is in its place."""
        error = UnknownParameter(".".join(keys), everything)
        return self._error(keys, str(error if error.near else UnknownParameter(error.path, here)))

    # --- values ---------------------------------------------------------------------------

    def _part(self, section: str, kind: type[Any]) -> Any:
        given = dict(self.tree[section])
        if kind is Arrivals:
            given = self._with_dates(section, given)
        values = {key: self._value(f"{section}.{key}", value) for key, value in given.items()}
        try:
            return kind(**values)
        except (TypeError, ValueError) as error:
            said = str(error).removeprefix(f"{getattr(kind, 'section', '')}.")
            key, colon, problem = said.partition(": ")
            if colon and key in values:
                raise self._error((section, key), f"{section}.{said}") from None
            blamed = next((key for key, value in values.items() if _refusal(kind, key, value) == str(error)), None)
            path = section if blamed is None else f"{section}.{blamed}"
            raise self._mistake(f"{path}: {problem or said}") from None

    def _value(self, path: str, value: Any) -> Any:
        """Return a value as its field takes it: a day is its beginning."""
        key = path.rpartition(".")[2]
        if key == "dates":
            if not isinstance(value, list):
                raise self._mistake(f"{path}: expected a list of times, got {_said(value)}")
            return tuple(self._moment(path, moment) for moment in value)
        if key == "start":
            return self._moment(path, value)
        if key == "balances":
            if not isinstance(value, list):
                raise self._mistake(f"{path}: expected a list of whole numbers, got {_said(value)}")
            return tuple(None if balance == -1 else balance for balance in value)
        try:
            return as_needed(key, value)
        except ValueError as error:
            raise self._mistake(f"{path}: {error}") from None

    def _moment(self, path: str, value: Any) -> datetime:
        """Return a time; a day is its beginning."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), UTC)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self._mistake(
                f"{path}: expected a time with an offset such as 2026-01-05T09:30:00Z, got {_said(value)}"
            )
        return value

    def _rules(self, policy: CreditPolicy) -> Rules:
        steps = self.tree.get("rules", "hardened")
        if not isinstance(steps, str):
            raise self._error(("rules",), f'rules: expected steps such as "hardened,-grant_once", got {_said(steps)}')
        try:
            return attrs.evolve(Rules.parse(steps), credit_policy=policy)
        except ValueError as error:
            raise self._error(("rules",), str(error)) from None

    # --- dates ----------------------------------------------------------------------------

    def _with_dates(self, section: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return what is given of arrivals, with the dates of the file that is named."""
        file, column = (given.pop(key, None) for key in _FROM_FILE)
        if file is None and column is None:
            return given
        if not isinstance(file, str):
            raise self._error((section, "file"), f'{section}.file: expected a name such as "contacts.csv"')
        if column is not None and not isinstance(column, str):
            raise self._error((section, "column"), f"{section}.column: expected a name, got {_said(column)}")
        if "dates" in given:
            raise self._error((section, "dates"), f"{section}: file and dates exclude each other: give one of them")
        return given | {"dates": list(arrival_dates(self.folder / file, section.partition("_")[0], column=column))}

    def _implied(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Return what dates say of a scenario: how many users there are, and that it starts on their first day."""
        dated = {name: parts[f"{name}_arrivals"].dates for name in ("crm", "regular") if f"{name}_arrivals" in parts}
        dated = {name: dates for name, dates in dated.items() if dates}
        users: dict[str, Any] = {f"{name}_users": len(dates) for name, dates in dated.items()}
        if not dated:
            return users
        first = min(moment for dates in dated.values() for moment in dates)
        return users | {"start": datetime.combine(first.date(), time(), UTC)}

    # --- mistakes -------------------------------------------------------------------------

    def _mistake(self, said: str) -> ScenarioError:
        """Return an error about the first path in its text that the document has."""
        lines = lines_of(self.text)
        paths = [tuple(path.split(".")) for path in _PATH.findall(said)]
        keys = next((keys for keys in paths if keys in lines), paths[0])
        return self._error(keys, said)

    def _error(self, keys: tuple[str, ...], said: str) -> ScenarioError:
        lines = lines_of(self.text)
        line = next((lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
        return ScenarioError(self.name, line, said)


def _refusal(kind: type[Any], key: str, value: Any) -> str | None:
    """Return what a part says to a value by itself."""
    try:
        kind(**{key: value})
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _names(kind: type[Any]) -> list[str]:
    """Return the keys that a section may have, or a scenario outside of sections."""
    names = [f.name for f in attrs.fields(kind) if f.name not in SECTIONS and f.name != "rules"]
    return [*names, *_FROM_FILE] if kind is Arrivals else names


def _said(value: Any) -> str:
    kinds = {bool: "true or false", str: "a text", list: "a list", dict: "a section", datetime: "a time without one"}
    return next((said for kind, said in kinds.items() if isinstance(value, kind)), "a number")
