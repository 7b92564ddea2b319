"""What may be said of where a database is? Host, port, database and user, and never a secret.

A connection string is printed by `shown` alone, and what a driver says of one by `without_secrets`: drivers repeat
what they cannot read. What does not parse is not repeated at all, since it may be a password with a sign that was
not percent-encoded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from .errors import PostgresError

UNNAMED: Final = "the database"
"""What a database is called whose connection string does not parse, or names none of what may be said."""

_URL: Final = re.compile(r"postgres(?:ql)?://([^?]*)", re.DOTALL)
_PORTS: Final = re.compile(r"[0-9,]*", re.ASCII)
_SECRETS: Final = frozenset(
    option.keyword.decode() for option in pq.Conninfo.get_defaults() if option.dispchar or b"secret" in option.keyword
)
"""The parameters that libpq marks as not to be displayed, those for debugging among them."""

_SHORT: Final = 4
"""Shorter secrets are in ordinary words, too, and taking them out of a text would show them."""


def parameters_of(dsn: str) -> dict[str, str]:
    """Return what a connection string says, as libpq reads it.

    Raises:
        PostgresError: It cannot be read, or only in another way than it is meant; nothing of it is in the message.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except (psycopg.Error, UnicodeError):
        raise PostgresError(
            "this is no address of a database that libpq can read (it is not repeated here, since it may hold a "
            "password): check the names of its parameters, and write @ / ? # & % inside of a value as %40 %2F %3F "
            "%23 %26 %25."
        ) from None
    if _is_torn(dsn, parameters):
        raise PostgresError(
            "this address of a database can be read in two ways (it is not repeated here, since it may hold a "
            "password): write @ and / in a user or a password as %40 and %2F, and a port as a number."
        )
    return parameters


def _is_torn(dsn: str, parameters: Mapping[str, str]) -> bool:
    """Tell whether a host, a port or a database looks like the rest of a password with an ``@`` or a ``/`` in it."""
    url = _URL.match(dsn)
    if url is not None and ("@" in url[1].partition("/")[2] or url[1].count("@") > 1):
        return True
    if "@" in parameters.get("host", "") or not _PORTS.fullmatch(parameters.get("port", "")):
        return True
    return any(sign in parameters.get("dbname", "") for sign in ("://", "="))  # libpq would expand it


def secrets_of(dsn: str) -> dict[str, str]:
    """Return the parameters of a connection string that no one may see.

    Raises:
        PostgresError: As `parameters_of`.
    """
    return {name: value for name, value in parameters_of(dsn).items() if name in _SECRETS}


def shown(dsn: str) -> str:
    """Return what is printed of a connection string: ``postgresql://user@host:port/database``, as far as it says so.

    >>> shown("host=db.test user=amy password=hush dbname=crm")
    'postgresql://amy@db.test/crm'
    >>> shown("postgresql://amy:hu/sh@db.test/crm")
    'the database'
    """
    try:
        parameters = parameters_of(dsn)
    except PostgresError:
        return UNNAMED
    user, hosts, ports, name = (parameters.get(n, "") for n in ("user", "host", "port", "dbname"))
    if not (user or hosts or ports or name):
        return UNNAMED
    listed = hosts.split(",")
    each = ports.split(",")
    each = each * len(listed) if len(each) == 1 else each
    places = ",".join(_place(host, port) for host, port in zip_longest(listed, each, fillvalue=""))
    return f"postgresql://{quote(user, safe='')}{'@' if user else ''}{places}/{quote(name, safe='')}"


def _place(host: str, port: str) -> str:
    host = f"[{host}]" if ":" in host else quote(host, safe="")
    return f"{host}:{port}" if port else host


def without_secrets(text: str, dsn: str) -> str:
    """Return what a driver or a server says, without the secrets of a connection string and of the environment."""
    try:
        parameters = parameters_of(dsn)
    except PostgresError:
        return text.replace(dsn, UNNAMED)
    named: set[Any] = {parameters.get(name) for name in ("user", "host", "port", "dbname")}
    secrets = {value for name, value in parameters.items() if name in _SECRETS} | {os.environ.get("PGPASSWORD", "")}
    spellings = {spelling for secret in secrets - named for spelling in (secret, quote(secret, safe=""), quote(secret))}
    for spelling in sorted(spellings, key=len, reverse=True):
        if len(spelling) >= _SHORT:
            text = text.replace(spelling, "***")
    return text
