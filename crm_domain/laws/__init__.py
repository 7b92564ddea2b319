"""What must always hold? The laws, by number and name.

A law looks from outside: it compares tables, journal and answers with one another, and calls
none of the rules that it judges. There are three kinds: of one state, of one step (the state
before, a request, its outcome, the state after), and of two runs.

>>> from crm_domain import Crm
>>> crm = Crm()
>>> amy = crm.as_service().sync_crm_user(email="amy@example.com").user_id
>>> check_all(crm)
[]
>>> crm.tables.profiles.get(amy).credits_remaining = 100  # behind the journal's back
>>> print(check_all(crm)[0].law.statement)
What the policy granted is what remains, was consumed net of refunds, or was voided.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from crm_domain.wording import unknown

from .kinds import Answer, Law, RunLaw, State, StateLaw, Step, StepLaw, Violation
from .of_runs import noninterference
from .of_states import (
    at_most_one_primary_resume,
    balance_equals_granted_minus_consumed,
    balance_never_negative,
    counters_equal_fold_of_events,
    mirror_equals_profile,
    one_credit_per_recording,
    owner_pair_is_one_account,
    populations_are_separate,
    reference_has_same_owner,
    replay_reproduces_state,
)
from .of_steps import (
    no_user_command_raises_credits,
    payment_is_idempotent,
    provisioning_is_idempotent,
    reads_see_only_own_rows,
    refused_changes_nothing,
    service_passes_policies_not_rules,
)

__all__ = [
    "LAWS",
    "Answer",
    "AnyLaw",
    "Law",
    "RunLaw",
    "State",
    "StateLaw",
    "Step",
    "StepLaw",
    "Violation",
    "check_all",
    "law_named",
]

AnyLaw: TypeAlias = StateLaw | StepLaw | RunLaw
"""A law of any kind."""

LAWS: Final[tuple[AnyLaw, ...]] = (
    balance_never_negative,
    balance_equals_granted_minus_consumed,
    mirror_equals_profile,
    one_credit_per_recording,
    counters_equal_fold_of_events,
    refused_changes_nothing,
    no_user_command_raises_credits,
    reads_see_only_own_rows,
    noninterference,
    owner_pair_is_one_account,
    reference_has_same_owner,
    provisioning_is_idempotent,
    payment_is_idempotent,
    populations_are_separate,
    replay_reproduces_state,
    at_most_one_primary_resume,
    service_passes_policies_not_rules,
)
"""Every law, in the order of the table of decisions; number 8 has two."""


def law_named(name: str) -> AnyLaw:
    """Return the law of this name.

    Raises:
        ValueError: There is no such law; the message lists what there is.
    """
    for law in LAWS:
        if law.name == name:
            return law
    raise ValueError(f"law: {unknown(name, [law.name for law in LAWS])}")


def check_all(state: State) -> list[Violation]:
    """Return where *state*, for example a `Crm`, breaks laws of states.

    Linear in the number of rows and events.
    """
    return [Violation(law, text) for law in LAWS if isinstance(law, StateLaw) for text in law.check(state)]
