"""What kind of data is in some files, and what does it say of users?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from attrs import frozen

from crm_adapters.progress import Progress, in_silence
from crm_domain import CreditPolicy, Rules
from crm_domain.simulation.fitting.histories import Histories

from .csvfiles import is_database, read_csv, text_of
from .errors import DataError
from .of_databases import read_database
from .of_exports import has_counters, kind_of, read_counters, read_exports
from .of_payments import read_payments


@frozen(kw_only=True)
class Data:
    """What files say of users.

    Attributes:
        histories: What users did.
        rules: The rules that they met, if the files say.
        known: What is known of users: ``all``, ``payments`` alone, or ``counters`` without times.
    """

    histories: Histories
    rules: Rules | None = None
    known: str = "all"


def read_sources(
    paths: Sequence[Path],
    policy: CreditPolicy,
    *,
    columns: Mapping[str, str] | None = None,
    until: float | None = None,
    progress: Progress = in_silence,
) -> Data:
    """Read a database, exports of the document's tables, or a table of payments.

    Args:
        paths: The files.
        policy: By what credit policy balances are followed where the files do not say.
        columns: Which columns of a table of payments hold the ``user``, the ``time`` and the ``amount``.
        until: Until when they tell, in days; until the last time in them if None.
        progress: Is called with how far it has come.

    Raises:
        DataError: A file is not one of these; with the line.
    """
    databases = [path for path in paths if is_database(path)]
    if databases and len(paths) > 1:
        raise DataError(databases[0], None, "is a database, and such are fitted one at a time")
    if databases:
        histories, rules = read_database(databases[0], progress)
        return Data(histories=histories if until is None else attrs.evolve(histories, until=until), rules=rules)
    if columns or len(paths) == 1:
        text = text_of(paths[0])
        head = read_csv(paths[0], text.partition("\n")[0]).columns
        if columns or kind_of(head) in {None, "payments"}:
            return Data(histories=read_payments(paths[0], columns=columns, until=until, text=text), known="payments")
        if has_counters(head):
            return Data(histories=read_counters(paths[0], text, until=until), known="counters")
        return Data(histories=read_exports([(paths[0], text)], policy, until=until))
    return Data(histories=read_exports([(path, None) for path in paths], policy, until=until))
