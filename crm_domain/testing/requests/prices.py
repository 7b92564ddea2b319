"""What do requests pay where a payment has another price? Those that pay the document's price pay that one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import attrs

from crm_domain import commands as c
from crm_domain.command_log import LogLine
from crm_domain.rules import CreditPolicy

from ..histories import Lines

_USUAL: Final = CreditPolicy().price


def at_price(lines: Iterable[LogLine], price: Decimal) -> Lines:
    """Return lines that pay *price* where they would pay the document's."""
    return Lines(lines if price == _USUAL else (_paying(line, price) for line in lines))


def _paying(line: LogLine, price: Decimal) -> LogLine:
    request = line.request
    if not isinstance(request, c.RecordPayment) or request.amount != _USUAL:
        return line
    return attrs.evolve(line, request=attrs.evolve(request, amount=price))
