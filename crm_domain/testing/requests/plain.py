"""Is there anything odd in a request? Characters that few systems are written for."""

from __future__ import annotations

from typing import Any

import attrs

from crm_domain.command_log import LogLine


def is_plain(line: LogLine) -> bool:
    r"""Tell whether all text of a request is of characters that a keyboard has.

    Example:
        >>> from crm_domain import SERVICE, SyncCrmUser
        >>> [is_plain(LogLine(SERVICE, SyncCrmUser(email=email))) for email in ("amy@x.test", "\0@x.test")]
        [True, False]
    """
    return all(text.isascii() and text.isprintable() for text in _texts(attrs.asdict(line.request, recurse=False)))


def _texts(value: Any) -> list[str]:
    """Return all text in a value, however deep."""
    if isinstance(value, dict):
        return [text for item in value.items() for text in _texts(list(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
