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

try:
    import hypothesis as hypothesis
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "crm_domain.testing needs hypothesis: pip install 'crm-domain[testing]'", name="hypothesis"
    ) from None

from .comparing.backends import ColumnsNotThere, CrmBackend, InTurn, Keyed, Overlapping, Probe, Probing, Telling
from .comparing.tolerances import TOLERANCES
from .conforming.conformance import conformance
from .conforming.holes import HOLES
from .conforming.matrix import Cell, MatrixReport, matrix
from .conforming.reports import BrokeDown, Finding, Interrupted, Report, Verdict
from .conforming.small_scope import SmallScopeReport, small_scope
from .counterexamples import counterexample
from .histories import History, Lines, Recorder, assert_lawful, broken_laws, run, violations
from .interference import interference, looks
from .interleaving import Exploration, explore
from .machine import LawsMachine
from .people import AMY, BOB, CAL, DAN, LABELS, PEOPLE, Person
from .racing.races import RaceReport, race
from .rendering import as_python
from .requests.alphabet import ALPHABET, every_sequence
from .requests.asked import (
    create_job_requests,
    create_recordings,
    create_regular_job_requests,
    create_regular_recordings,
    creations,
    dashboards,
    deletions,
    record_payments,
    registrations,
    selects,
    syncs,
    track_logins,
    track_times,
    track_views,
    trackings,
    updates,
    upload_regular_resumes,
    upload_resumes,
)
from .requests.sequences import command_sequences, overlaps, walks
from .requests.stored import (
    auth_users,
    credit_consumptions,
    credit_grants,
    crm_dashboard_stats,
    crm_job_requests,
    crm_recordings,
    crm_resumes,
    crm_users,
    idempotency_keys,
    job_requests,
    payments,
    profiles,
    recordings,
    resumes,
    rows_of,
)
from .requests.strategies import commands, emails, people, principals, requests, row_ids, user_ids
from .requests.values import (
    addresses,
    amounts,
    column_values,
    credit_policies,
    job_request_ids,
    payment_ids,
    payment_refs,
    plain_json,
    recording_ids,
    resume_ids,
    rules,
    texts,
    times,
)
from .requests.walks import walk
from .suite import ConformanceSuite, RaceSuite

__all__ = [
    "ALPHABET",
    "AMY",
    "BOB",
    "CAL",
    "DAN",
    "HOLES",
    "LABELS",
    "PEOPLE",
    "TOLERANCES",
    "BrokeDown",
    "Cell",
    "ColumnsNotThere",
    "ConformanceSuite",
    "CrmBackend",
    "Exploration",
    "Finding",
    "History",
    "InTurn",
    "Interrupted",
    "Keyed",
    "LawsMachine",
    "Lines",
    "MatrixReport",
    "Overlapping",
    "Person",
    "Probe",
    "Probing",
    "RaceReport",
    "RaceSuite",
    "Recorder",
    "Report",
    "SmallScopeReport",
    "Telling",
    "Verdict",
    "addresses",
    "amounts",
    "as_python",
    "assert_lawful",
    "auth_users",
    "broken_laws",
    "column_values",
    "command_sequences",
    "commands",
    "conformance",
    "counterexample",
    "create_job_requests",
    "create_recordings",
    "create_regular_job_requests",
    "create_regular_recordings",
    "creations",
    "credit_consumptions",
    "credit_grants",
    "credit_policies",
    "crm_dashboard_stats",
    "crm_job_requests",
    "crm_recordings",
    "crm_resumes",
    "crm_users",
    "dashboards",
    "deletions",
    "emails",
    "every_sequence",
    "explore",
    "idempotency_keys",
    "interference",
    "job_request_ids",
    "job_requests",
    "looks",
    "matrix",
    "overlaps",
    "payment_ids",
    "payment_refs",
    "payments",
    "people",
    "plain_json",
    "principals",
    "profiles",
    "race",
    "record_payments",
    "recording_ids",
    "recordings",
    "registrations",
    "requests",
    "resume_ids",
    "resumes",
    "row_ids",
    "rows_of",
    "rules",
    "run",
    "selects",
    "small_scope",
    "syncs",
    "texts",
    "times",
    "track_logins",
    "track_times",
    "track_views",
    "trackings",
    "updates",
    "upload_regular_resumes",
    "upload_resumes",
    "user_ids",
    "violations",
    "walk",
    "walks",
]
