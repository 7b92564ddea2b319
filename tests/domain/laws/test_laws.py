"""The laws, each by its name, over random sequences by several principals under the hardened rules.

A bug that was found becomes an example of the law that it broke; so does what chance reaches seldom. That the sequences are not
vacuous, `test_strategies` shows; that the laws can fail, `test_laws_can_fail` and
`test_counterexamples`.
"""

from __future__ import annotations

import json
from typing import Final

import attrs
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from crm_adapters.command_log import read_log
from crm_domain import ANON, HARDENED, SERVICE, CreditPolicy, Rules, event_of, record_of
from crm_domain.laws import law_named
from crm_domain.testing import (
    AMY,
    CAL,
    PEOPLE,
    History,
    Lines,
    Person,
    assert_lawful,
    command_sequences,
    interference,
    looks,
    run,
)

pytestmark = pytest.mark.thorough

RULES: Final = (
    HARDENED,
    *(
        attrs.evolve(HARDENED, credit_policy=policy)
        for policy in (
            CreditPolicy(refund_failed_recordings=True),
            CreditPolicy(initial_credits=1, refund_failed_recordings=True),
            CreditPolicy(initial_credits=0, credits_per_payment=0),
        )
    ),
)
"""The hardened rules under several credit policies."""

any_lines = given(lines=command_sequences(), rules=st.sampled_from(RULES))
"""Over any lines, under any credit policy."""


def log(*lines: dict[str, object]) -> Lines:
    """Return the lines of a log that stands in a test."""
    return Lines(entry.line for entry in read_log([json.dumps(line).encode() for line in lines], "example"))


def same_id_in_both_tables() -> Lines:
    """Return a log in which a CRM user's recording and a regular user's have one id.

    The ledger once knew recordings by their ids alone, and the second entry replaced the first.
    """
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "service", "cmd": "register_user", "args": {"user": "cal", "email": "cal@x.test"}},
        {"as": "service", "cmd": "record_payment", "args": {"user": "cal", "amount": "12.99", "ref": "pay-0"}},
        {"as": "amy", "cmd": "create_recording", "args": {"id": "recording-1", "user": "amy", "email": "amy@x.test"}},
        {"as": "cal", "cmd": "create_regular_recording", "args": {"id": "recording-1", "user": "cal"}},
    )


def same_id_after_delete() -> Lines:
    """Return a log in which a recording's id is used again, by someone else, after a delete."""
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "bob", "email": "bob@x.test"}},
        {"as": "amy", "cmd": "create_recording", "args": {"id": "recording-1", "user": "amy", "email": "amy@x.test"}},
        {"as": "amy", "cmd": "delete", "args": {"table": "crm_recordings", "where": {"id": "recording-1"}}},
        {"as": "bob", "cmd": "create_recording", "args": {"id": "recording-1", "user": "bob", "email": "bob@x.test"}},
        {"as": "bob", "cmd": "update", "args": {"table": "crm_recordings", "set": {"status": "completed"}}},
        {"as": "bob", "cmd": "update", "args": {"table": "crm_recordings", "set": {"video_url": "b"}}},
    )


def back_after_delete() -> Lines:
    """Return a log in which a CRM user is deleted and provisioned again: no second 4 credits."""
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "service", "cmd": "delete", "args": {"table": "crm_dashboard_stats"}},
        {"as": "service", "cmd": "delete", "args": {"table": "crm_users"}},
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "AMY@x.test"}},
    )


def clock_goes_back() -> Lines:
    """Return a log in which the clock jumps back: the last of two logins is the last one, not the latest."""
    late, early = ({"at": f"{year}-01-01T00:00:00Z"} for year in (2030, 2020))
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "service", "cmd": "track_login", "args": {"email": "amy@x.test"}, **late},
        {"as": "service", "cmd": "track_login", "args": {"email": "amy@x.test"}, **early},
        {"as": "amy", "cmd": "create_recording", "args": {"user": "amy", "email": "amy@x.test"}, **late},
        {"as": "amy", "cmd": "create_recording", "args": {"user": "amy", "email": "amy@x.test"}, **early},
    )


def member_changes_old_rows() -> Lines:
    """Return a log in which someone who became a CRM user changes what they stored before."""
    return log(
        {"as": "service", "cmd": "register_user", "args": {"user": "cal", "email": "cal@x.test"}},
        {"as": "cal", "cmd": "create_regular_job_request", "args": {"id": "job-1", "user": "cal"}},
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "cal", "email": "cal@x.test"}},
        {"as": "cal", "cmd": "update", "args": {"table": "job_requests", "set": {"job_title": "a"}}},
        {"as": "cal", "cmd": "delete", "args": {"table": "job_requests"}},
    )


def profile_is_gone() -> Lines:
    """Return a log in which someone records who has no profile any more, and so no balance."""
    return log(
        {"as": "service", "cmd": "register_user", "args": {"user": "cal", "email": "cal@x.test"}},
        {"as": "service", "cmd": "delete", "args": {"table": "profiles"}},
        {"as": "cal", "cmd": "create_regular_recording", "args": {"id": "recording-1", "user": "cal"}},
    )


def another_amount() -> Lines:
    """Return a log in which someone pays more than the price, and less."""
    return log(
        {"as": "service", "cmd": "register_user", "args": {"user": "cal", "email": "cal@x.test"}},
        {"as": "service", "cmd": "record_payment", "args": {"user": "cal", "amount": "25.98", "ref": "pay-1"}},
        {"as": "service", "cmd": "record_payment", "args": {"user": "cal", "amount": "12.98", "ref": "pay-2"}},
    )


def balance_of_two_grants() -> Lines:
    """Return a log in which the service takes away more credits than the first grant has left."""
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "service", "cmd": "record_payment", "args": {"user": "amy", "amount": "12.99", "ref": "pay-1"}},
        {"as": "service", "cmd": "update", "args": {"table": "profiles", "set": {"credits_remaining": 1}}},
        {"as": "amy", "cmd": "create_recording", "args": {"user": "amy", "email": "amy@x.test"}},
    )


def mirror_alone() -> Lines:
    """Return a log in which the service tries to set the mirror without the leading balance."""
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "service", "cmd": "update", "args": {"table": "crm_users", "set": {"credits_remaining": 9}}},
    )


def own_word_for_failure() -> Lines:
    """Return a log in which a user marks their own recording as failed, to have the credit back."""
    return log(
        {"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "amy", "cmd": "create_recording", "args": {"user": "amy", "email": "amy@x.test"}},
        {"as": "amy", "cmd": "update", "args": {"table": "crm_recordings", "set": {"status": "failed"}}},
    )


def delivered_again_under_a_key() -> Lines:
    """Return a log in which a payment comes again under an idempotency key, of which only a note is left."""
    return log(
        {"as": "service", "cmd": "register_user", "args": {"user": "cal", "email": "cal@x.test"}},
        {"as": "service", "cmd": "record_payment", "args": {"user": "cal", "amount": "12.99", "ref": "pay-1"}},
        {
            "as": "service",
            "cmd": "record_payment",
            "args": {"user": "cal", "amount": "12.99", "ref": "pay-1"},
            "key": "k",
        },
    )


def check(name: str, lines: Lines, rules: Rules) -> History:
    """Assert one law after every line, and tell hypothesis how much there was to judge."""
    history = run(lines, rules)
    event(f"accepted: {sum(bool(step.entries) for step in history.steps) // 5 * 5} or more")
    assert_lawful(history, [law_named(name)])
    return history


@any_lines
@example(lines=profile_is_gone(), rules=HARDENED)
def test_balance_never_negative(lines: Lines, rules: Rules) -> None:
    """No balance is ever below 0 credits."""
    check("balance_never_negative", lines, rules)


@any_lines
@example(lines=another_amount(), rules=HARDENED)
@example(lines=balance_of_two_grants(), rules=HARDENED)
def test_balance_equals_granted_minus_consumed(lines: Lines, rules: Rules) -> None:
    """What the policy granted is what remains, was consumed net of refunds, or was voided."""
    check("balance_equals_granted_minus_consumed", lines, rules)


@any_lines
@example(lines=mirror_alone(), rules=HARDENED)
def test_mirror_equals_profile(lines: Lines, rules: Rules) -> None:
    """Both balances of a CRM user are equal."""
    check("mirror_equals_profile", lines, rules)


@any_lines
@example(lines=same_id_in_both_tables(), rules=HARDENED)
@example(lines=same_id_after_delete(), rules=HARDENED)
def test_one_credit_per_recording(lines: Lines, rules: Rules) -> None:
    """Every recording ever made took 1 credit of its owner."""
    check("one_credit_per_recording", lines, rules)


@any_lines
@example(lines=clock_goes_back(), rules=HARDENED)
def test_counters_equal_fold_of_events(lines: Lines, rules: Rules) -> None:
    """The counters say what the events say, no matter what was deleted since."""
    check("counters_equal_fold_of_events", lines, rules)


@any_lines
def test_refused_changes_nothing(lines: Lines, rules: Rules) -> None:
    """A refusal or a read leaves tables and journal as they were."""
    check("refused_changes_nothing", lines, rules)


@any_lines
@example(lines=own_word_for_failure(), rules=RULES[1])
def test_no_user_command_raises_credits(lines: Lines, rules: Rules) -> None:
    """No command of a user raises anyone's credits."""
    check("no_user_command_raises_credits", lines, rules)


@any_lines
def test_reads_see_only_own_rows(lines: Lines, rules: Rules) -> None:
    """A user reads their own rows, all of them and no others, in no matter what state."""
    everybody = (*(person.principal for person in PEOPLE), ANON)
    check("reads_see_only_own_rows", Lines((*lines, *(look for who in everybody for look in looks(who)))), rules)


@given(lines=command_sequences(), rules=st.sampled_from(RULES), observer=st.sampled_from((AMY, CAL)))
@example(lines=same_id_in_both_tables(), rules=HARDENED, observer=AMY)
@example(lines=same_id_after_delete(), rules=HARDENED, observer=AMY)
def test_noninterference(lines: Lines, rules: Rules, observer: Person) -> None:
    """No matter what others do, all that a user can observe stays the same."""
    assert interference(lines, observer, rules) == []


@any_lines
def test_owner_pair_is_one_account(lines: Lines, rules: Rules) -> None:
    """The e-mail and the user of every row are one account."""
    check("owner_pair_is_one_account", lines, rules)


@any_lines
def test_reference_has_same_owner(lines: Lines, rules: Rules) -> None:
    """A recording names a job request of its own owner, or none."""
    check("reference_has_same_owner", lines, rules)


@any_lines
@example(lines=back_after_delete(), rules=HARDENED)
def test_provisioning_is_idempotent(lines: Lines, rules: Rules) -> None:
    """A person and an address get initial credits once; a re-sync only notes that it happened."""
    check("provisioning_is_idempotent", lines, rules)


@any_lines
@example(lines=delivered_again_under_a_key(), rules=HARDENED)
def test_payment_is_idempotent(lines: Lines, rules: Rules) -> None:
    """A payment is credited once, however often it is delivered."""
    check("payment_is_idempotent", lines, rules)


@any_lines
@example(lines=member_changes_old_rows(), rules=HARDENED)
def test_populations_are_separate(lines: Lines, rules: Rules) -> None:
    """CRM users' rows are in the CRM tables, regular users' in the regular ones."""
    check("populations_are_separate", lines, rules)


@any_lines
def test_replay_reproduces_state(lines: Lines, rules: Rules) -> None:
    """The events alone rebuild every table, also after they were written down and read again."""
    history = check("replay_reproduces_state", lines, rules)
    for entry in (entry for step in history.steps for entry in step.entries):
        assert event_of(record_of(entry.event)) == entry.event


@any_lines
def test_at_most_one_primary_resume(lines: Lines, rules: Rules) -> None:
    """No one has two primary resumes."""
    check("at_most_one_primary_resume", lines, rules)


@any_lines
def test_service_passes_policies_not_rules(lines: Lines, rules: Rules) -> None:
    """The service sees all rows and still needs credits and valid references; it alone passes row policies."""
    check("service_passes_policies_not_rules", Lines((*lines, *looks(SERVICE))), rules)
