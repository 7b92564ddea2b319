"""How would someone who uses the library from Python ask for the same?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs
from attrs import define, field

from crm_domain.command_log import REQUESTS, LogLine
from crm_domain.errors import Refused
from crm_domain.ids import ANON, SERVICE, Principal
from crm_domain.laws import Answer
from crm_domain.reads import GetDashboard, Read
from crm_domain.rules import HARDENED, Rules
from crm_domain.schema import ColumnType, Table

from .histories import START, overlapping_groups, run
from .people import LABELS


def as_python(lines: Sequence[LogLine], rules: Rules = HARDENED) -> str:
    """Return a script that asks for the same and runs as it is; what is refused is caught, and said in a comment.

    Args:
        lines: What is asked.
        rules: The rules in force, which decide what is refused.

    Example:
        >>> from crm_domain import RecordPayment
        >>> from crm_domain.testing import AMY
        >>> print(as_python([LogLine(SERVICE, RecordPayment(user_id=AMY.user_id, amount="1", ref="a"))]))
        from decimal import Decimal
        <BLANKLINE>
        from crm_domain import CheckViolation, Crm
        from crm_domain.clocks import label_uuid
        <BLANKLINE>
        crm = Crm()
        service = crm.as_service()
        <BLANKLINE>
        try:
            service.record_payment(user_id=label_uuid('amy'), amount=Decimal('1'), ref='a')
        except CheckViolation as refused:
            print(refused)  # payments.amount: the price is 12.99, not 1: nothing was credited.
        <BLANKLINE>
    """
    script = _Script(rules)
    outcomes = iter([step.outcome for step in run(lines, rules).steps])
    for group in overlapping_groups(lines):
        script.add(group, [next(outcomes) for _ in group])
    return str(script)


_METHODS: Final = {kind: cmd for cmd, kind in REQUESTS.items()} | {GetDashboard: "get_crm_dashboard_data"}
"""The session's method for each kind of request."""


@define
class _Script:
    """A script being written.

    Attributes:
        rules: The rules in force.
        body: Its lines behind the imports and sessions.
        modules: What it imports from elsewhere.
        names: What it imports from `crm_domain`.
        sessions: The name of each principal's session, and how it is made.
        now: What its clock says; None while it needs none of its own.
    """

    rules: Rules
    body: list[str] = field(factory=list)
    modules: set[str] = field(factory=set)
    names: set[str] = field(factory=lambda: {"Crm"})
    sessions: dict[str, str] = field(factory=dict)
    now: datetime | None = None

    def __str__(self) -> str:
        made = [f"crm = Crm({', '.join(self._crm_arguments())})"]
        if self.now is not None:
            self.names.add("ManualClock")
            made = ["clock = ManualClock()", *made]
        made += [f"{name} = {session}" for name, session in self.sessions.items()]
        return "\n\n".join(filter(None, map("\n".join, (*self._imports(), made, self.body)))) + "\n"

    def add(self, group: Sequence[LogLine], outcomes: Sequence[Answer]) -> None:
        """Write one request, or several that overlap."""
        self._set_clock(group[0].at)
        if len(group) > 1:
            self.body += self._overlapping(group, outcomes)
        else:
            self.body += self._alone(group[0], outcomes[0])

    # --- requests ---------------------------------------------------------------------------

    def _alone(self, line: LogLine, outcome: Answer) -> Iterator[str]:
        session, request = self._session(line.principal), line.request
        if line.key is None or isinstance(request, Read):
            call = f"{session}.{_METHODS[type(request)]}({self._arguments(request)})"
        else:
            call = f"{session}.execute({self._made(request)}, key={line.key!r})"
        if isinstance(outcome, Refused):
            kind = type(outcome).__name__
            self.names.add(kind)
            yield from ("try:", f"    {call}", f"except {kind} as refused:")
            yield f"    print(refused)  # {_on_one_line(outcome.message)}"
        else:
            yield call

    def _overlapping(self, group: Sequence[LogLine], outcomes: Sequence[Answer]) -> Iterator[str]:
        yield "crm.execute_overlapping(["
        for line, outcome in zip(group, outcomes, strict=True):
            said = f"  # {_on_one_line(outcome.message)}" if isinstance(outcome, Refused) else ""
            yield f"    ({self._session(line.principal)}.principal, {self._made(line.request)}),{said}"
        yield "])"

    def _set_clock(self, at: datetime | None) -> None:
        """Have the clock tell the time of a line; one that does not say when comes at the start."""
        wanted = START if at is None else at
        if wanted != (START if self.now is None else self.now):
            self.now = wanted
            self.body.append(f"clock.now = {self._value(wanted)}")

    def _session(self, principal: Principal) -> str:
        if principal == SERVICE:
            name, session = "service", "crm.as_service()"
        elif principal == ANON:
            name, session = "anon", "crm.as_anon()"
        else:
            session = f"crm.as_user({self._value(principal.user_id)})"
            label = LABELS.name(str(principal))
            name = label if label.isidentifier() else f"user_{str(principal)[:8]}"
        self.sessions[name] = session
        return name

    # --- values -----------------------------------------------------------------------------

    def _made(self, request: Any) -> str:
        name = type(request).__name__
        self.names.add(name)
        return f"{name}({self._arguments(request)})"

    def _arguments(self, request: Any) -> str:
        given = {a.name: getattr(request, a.name) for a in attrs.fields(type(request)) if a.init}
        defaults = {a.name: a.default for a in attrs.fields(type(request))}
        written = []
        for name, value in given.items():
            if isinstance(value, Table):
                written.append(f"{name}={value.name!r}")
            elif name in {"where", "set"}:
                written += [f"{name}={self._columns(request.table, value)}"] if value else []
            elif value != defaults[name] or isinstance(request, GetDashboard):
                written.append(f"{name}={self._value(value)}")
        return ", ".join(written)

    def _columns(self, table: Table[Any], atoms: Mapping[str, Any]) -> str:
        """Write columns with their values; JSON, which they hold as its text, as what it says."""
        texts = {name for name in atoms if table.column(name).type is ColumnType.JSONB}
        values = {n: json.loads(atom) if n in texts and atom is not None else atom for n, atom in atoms.items()}
        return "{" + ", ".join(f"{name!r}: {self._value(value)}" for name, value in values.items()) + "}"

    def _value(self, value: Any) -> str:
        if isinstance(value, str) and LABELS.name(value) != value:
            self.modules.add("from crm_domain.clocks import label_uuid")
            return f"label_uuid({LABELS.name(value)!r})"
        if isinstance(value, datetime):
            self.modules.add("import datetime")
        elif isinstance(value, Decimal):
            self.modules.add("from decimal import Decimal")
        return repr(value)

    # --- what stands before -----------------------------------------------------------------

    def _crm_arguments(self) -> Iterator[str]:
        if self.rules != HARDENED:
            self.names.add("Rules")
            reading = f"Rules.parse({str(self.rules)!r})"
            if self.rules.credit_policy != HARDENED.credit_policy:
                self.modules |= {"import attrs", "from decimal import Decimal"}
                self.names.add("CreditPolicy")
                reading = f"attrs.evolve({reading}, credit_policy={self.rules.credit_policy!r})"
            yield f"rules={reading}"
        if self.now is not None:
            yield "clock=clock"

    def _imports(self) -> tuple[list[str], list[str]]:
        """Return the imports from elsewhere, and those from this library."""
        own = {f"from crm_domain import {', '.join(sorted(self.names))}"}
        own |= {module for module in self.modules if "crm_domain" in module}
        return sorted(self.modules - own, reverse=True), sorted(own)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
