"""Whatever is written into a log, reading and running it ends in an outcome or in a `LogError`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.command_log import Entry, LogError, Run, final_state, read_line
from crm_domain import HARDENED, SEED, Rules
from crm_domain.command_log import LOG_TABLES, REQUESTS, argument_types, log_name, table_name
from crm_domain.errors import REFUSALS

NAMES = [
    "amy",
    "bob",
    "j1",
    "service",
    "amy@x.test",
    "AMY@x.test",
    "processing",
    "completed",
    "12.99",
    "NaN",
    "2026-01-31T09:30:00Z",
]
PLAIN = (
    st.none() | st.booleans() | st.sampled_from([-1, 0, 1, 2**63, 2**63 - 1, 1.5])
    | st.sampled_from(NAMES) | st.text(st.characters(), max_size=3) | st.just("\ud800")
)  # fmt: skip
ANYTHING = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.sampled_from(NAMES), PLAIN, max_size=2)
COLUMNS = sorted({log_name(column.name) for table in LOG_TABLES for column in table.columns})


@st.composite
def _arguments(draw: st.DrawFn, cmd: str) -> dict[str, Any]:
    types = argument_types(REQUESTS[cmd])
    if types:
        own: dict[str, Any] = {"user": "amy", "email": "amy@x.test"}
        return own | draw(st.dictionaries(st.sampled_from([log_name(name) for name in types]), ANYTHING, max_size=3))
    columns = st.dictionaries(st.sampled_from(COLUMNS), PLAIN, max_size=2)
    table = st.sampled_from([table_name(table) for table in LOG_TABLES])
    return draw(st.fixed_dictionaries({"table": table}, optional={"where": columns, "set": columns}))


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    cmd = draw(st.sampled_from(list(REQUESTS)))
    line: dict[str, Any] = {
        "as": draw(st.sampled_from(["service", "amy", "anon"])), "cmd": cmd, "args": draw(_arguments(cmd))
    }  # fmt: skip
    return json.dumps(
        line | draw(st.dictionaries(st.sampled_from(["at", "key", "concurrent"]), PLAIN, max_size=1))
    ).encode()


def _read(line: bytes, number: int = 1) -> Entry | LogError:
    try:
        return read_line(line, name="log", number=number)
    except LogError as error:
        return error


@settings(deadline=None)
@given(st.lists(_lines(), max_size=12), st.sampled_from([HARDENED, SEED]))
def test_any_line_has_an_outcome_or_is_a_mistake(lines: list[bytes], rules: Rules) -> None:
    """Nothing else comes out of a run, whatever the values are, and the end can always be told as JSON."""
    run = Run(rules=rules)
    entries = [entry for n, line in enumerate(lines, start=1) if isinstance(entry := _read(line, n), Entry)]
    outcomes = list(run.outcomes(entries))
    assert [outcome["n"] for outcome in outcomes] == [entry.number for entry in entries]
    assert {outcome["result"] for outcome in outcomes} <= {"ok", *REFUSALS}
    assert json.loads(json.dumps([outcomes, final_state(run.crm, run.labels)]))[0] == outcomes


@settings(deadline=None)
@given(
    st.binary()
    | st.text(st.characters()).map(lambda text: text.encode(errors="surrogatepass"))
    | ANYTHING.map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_no_command(line: bytes) -> None:
    """What is not a command is a mistake that says something, and never taken for a command."""
    mistake = _read(line)
    assert isinstance(mistake, LogError)
    assert mistake.problem
