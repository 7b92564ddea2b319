"""Test rules like these: strategies, runs that are kept step by step, and the laws they must keep.

>>> from crm_domain.rules import HARDENED
>>> from crm_domain.testing import assert_lawful, command_sequences, run
>>> from hypothesis import given, settings
>>> @settings(max_examples=5, database=None)
... @given(command_sequences())
... def test_laws(lines):
...     assert_lawful(run(lines, HARDENED))
>>> test_laws()

It needs the extra ``testing`` (hypothesis); `crm_domain` itself does not.
"""

from .counterexamples import counterexample
from .histories import History, Lines, Recorder, assert_lawful, broken_laws, run, violations
from .interference import interference, looks
from .machine import LawsMachine
from .people import AMY, BOB, CAL, DAN, LABELS, PEOPLE, Person
from .sequences import command_sequences, overlaps
from .strategies import commands, emails, people, principals, requests, row_ids, user_ids

__all__ = [
    "AMY",
    "BOB",
    "CAL",
    "DAN",
    "LABELS",
    "PEOPLE",
    "History",
    "LawsMachine",
    "Lines",
    "Person",
    "Recorder",
    "assert_lawful",
    "broken_laws",
    "command_sequences",
    "commands",
    "counterexample",
    "emails",
    "interference",
    "looks",
    "overlaps",
    "people",
    "principals",
    "requests",
    "row_ids",
    "run",
    "user_ids",
    "violations",
]
