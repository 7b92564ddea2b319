"""What is there to examine? A file of this library, or a backend of someone's own."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import click

from crm_domain import Backend, Rules
from crm_domain.rules import CreditPolicy

from .errors import A_DATABASE, is_there, may_hold_password

_FACTORY: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_METHODS: Final = ("reset", "execute", "select")
_ADDRESS: Final = re.compile(r"postgres(ql)?://|\s*[a-z_]+\s*=")
"""How what libpq takes begins: a URL, or a list of parameters."""


class BadTarget(click.ClickException):
    """The target cannot be examined."""

    exit_code = 2


def is_database(target: str) -> bool:
    """Tell whether *target* is the address of a PostgreSQL database: a URL, or ``host=… dbname=…``."""
    return _ADDRESS.match(target) is not None and not is_there(target)


def shown(target: str) -> str:
    """Return what a target is called in what is printed: an address by host, port, database and user alone."""
    if not is_database(target):
        return target
    try:
        from crm_adapters.postgres.connection_strings import shown as shown_address  # noqa: PLC0415 - needs psycopg
    except ModuleNotFoundError:
        return "the database"
    return shown_address(target)


@contextmanager
def target_opened(target: str, *, config: Path | None = None, i_know: bool = False) -> Iterator[Backend]:
    """Yield the backend that *target* names; it is closed with the block, if it can be.

    Args:
        target: What is to be examined.
        config: How a database's operations are called.
        i_know: Whether a database may hold rows.

    Raises:
        BadTarget: There is no such thing, or it is no backend.
        StoreError: It is a file that cannot be read, or is not one of ours.
    """
    if is_database(target):
        with _database_opened(target, config, i_know=i_know) as database:
            yield database
        return
    if config is not None or i_know:
        raise BadTarget(f"{target}: --config and --i-know are for a database, postgresql://….")
    if target.partition(":")[0].endswith(".py"):
        raise BadTarget(f"{target}: a backend of your own is named as module:factory, like {_like(target)}.")
    backend = _of_factory(target) if _FACTORY.fullmatch(target) and not is_there(target) else _of_file(target)
    with ExitStack() as stack:
        if callable(close := getattr(backend, "close", None)):
            stack.callback(close)
        try:
            backend.reset()
        except Exception as error:  # noqa: BLE001 - it is somebody else's code
            raise BadTarget(f"{target}: its reset() failed: {told(error)}") from None
        yield backend


def held_to(backend: Backend, rules: Rules, settings: Sequence[str]) -> Rules:
    """Return the rules with the credit policy that a backend is held to: its own word, and single settings.

    Raises:
        BadTarget: There is no such setting, or it cannot have this value.
    """
    policy = rules.credit_policy
    if callable(own := getattr(backend, "credit_policy", None)):
        policy = own(policy)
    for setting in settings:
        policy = _with_setting(policy, setting)
    return attrs.evolve(rules, credit_policy=policy)


def _with_setting(policy: CreditPolicy, setting: str) -> CreditPolicy:
    path, _, text = setting.partition("=")
    name = path.removeprefix("policy.").strip()
    usual = attrs.asdict(CreditPolicy())
    if name not in usual:
        known = ", ".join(f"policy.{name}" for name in usual)
        raise BadTarget(f"--set {setting}: there is no {path!r}; there are {known}.")
    text = text.strip()
    try:
        if isinstance(usual[name], bool):
            value: Any = {"true": True, "false": False}.get(text, text)
        else:
            value = type(usual[name])(text)
        return attrs.evolve(policy, **{name: value})
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BadTarget(
            f"--set {setting}: {error if str(error).startswith(name) else f'{text!r} is no value of it'}."
        ) from None


def _like(target: str) -> str:
    """Return an example of how a backend is named that was named by its file, shop.py or shop.py:Shop."""
    file, _, factory = target.partition(":")
    return f"{Path(file).stem}:{factory or 'Shop'}"


@contextmanager
def _database_opened(target: str, config: Path | None, *, i_know: bool) -> Iterator[Backend]:
    try:
        from crm_adapters.postgres import opened  # noqa: PLC0415 - it needs the extra postgres
        from crm_adapters.postgres.errors import BadOperations, PostgresError  # noqa: PLC0415
        from crm_adapters.postgres.operations import read_operations  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise BadTarget(str(error)) from None
    try:
        with opened(target, operations=read_operations(config), i_know=i_know) as backend:
            yield backend
    except BadOperations as error:
        raise BadTarget(str(error)) from None
    except PostgresError as error:
        raise BadTarget(f"{shown(target)}: {error}") from None


def _of_file(target: str) -> Backend:
    if not is_there(target):
        if "@" in target or may_hold_password(target):
            raise BadTarget(f"TARGET is no file, and may be {A_DATABASE}: such begins with postgresql://.")
        raise BadTarget(f"{target}: there is no such file; a backend of your own is named as module:factory.")
    try:
        from crm_adapters.sqlite.backend import SqliteBackend  # noqa: PLC0415 - it needs hypothesis, as only this does
    except ModuleNotFoundError as error:
        raise BadTarget(str(error)) from None
    return SqliteBackend(target)


def _of_factory(target: str) -> Backend:
    module_name, _, factory_name = target.partition(":")
    factory = _imported(target, module_name)
    for name in factory_name.split("."):
        if not hasattr(factory, name):
            raise BadTarget(f"{target}: {module_name} has no {factory_name}.")
        factory = getattr(factory, name)
    if not callable(factory):
        raise BadTarget(f"{target}: {factory_name} is not callable: name what makes the backend.")
    try:
        backend: Backend = factory()
    except Exception as error:  # noqa: BLE001 - it is somebody else's code
        raise BadTarget(f"{target}: calling it failed: {told(error)}") from None
    missing = [name for name in _METHODS if not callable(getattr(backend, name, None))]
    if missing:
        raise BadTarget(f"{target}: what it made is no backend, it has no {', '.join(missing)}.")
    return backend


def _imported(target: str, module_name: str) -> Any:
    """Import a module, also from the current folder, as ``python -m`` does."""
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds text
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise BadTarget(
                f"{target}: there is no module {error.name}, neither installed nor in this folder."
            ) from None
        raise BadTarget(f"{target}: importing {module_name} failed: {told(error)}") from None
    except Exception as error:  # noqa: BLE001 - it is somebody else's code
        raise BadTarget(f"{target}: importing {module_name} failed: {told(error)}") from None


def told(error: Exception) -> str:
    """Return what another's exception says, in a line."""
    return f"{type(error).__name__}: {error}"


_ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have what is asked to end, or whose terminal is closed, end as by Ctrl-C: nothing is left behind."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
