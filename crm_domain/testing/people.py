"""Who and what appears in generated requests? Few people and few ids, so that guesses hit."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from crm_domain.command_log import Labels, id_named
from crm_domain.ids import Email, Principal, UserId, user


@frozen
class Person:
    """Someone who may become a user.

    Attributes:
        label: What command logs call them.
        user_id: Their id.
        email: Their address, in normal form.
        principal: They, as one who asks.
    """

    label: str
    user_id: UserId = field(init=False)
    email: Email = field(init=False)
    principal: Principal = field(init=False)

    @user_id.default
    def _user_id(self) -> UserId:
        return UserId(id_named(self.label))

    @email.default
    def _email(self) -> Email:
        return Email(f"{self.label}@x.test")

    @principal.default
    def _principal(self) -> Principal:
        return user(self.user_id)


AMY: Final = Person("amy")
"""In most histories a CRM user."""

BOB: Final = Person("bob")
"""In most histories a CRM user too, whose rows Amy's are kept apart from."""

CAL: Final = Person("cal")
"""In most histories a regular user."""

DAN: Final = Person("dan")
"""In most histories no one registered them."""
"""In most histories two CRM users, a regular user, and someone whom no one registered."""

PEOPLE: Final = (AMY, BOB, CAL, DAN)
"""Everybody."""

JOB_REQUESTS: Final = ("job-1", "job-2", "job-3")
RECORDINGS: Final = ("recording-1", "recording-2", "recording-3")
RESUMES: Final = ("resume-1", "resume-2", "resume-3")
PAYMENTS: Final = ("payment-1", "payment-2", "payment-3")

TAKES: Final = tuple(f"take-{n}" for n in range(1, 14))
"""Recordings with which someone spends all that they have: more than there are of others, so that no one guesses them."""

LABELS: Final = Labels([person.label for person in PEOPLE] + [*JOB_REQUESTS, *RECORDINGS, *RESUMES, *PAYMENTS, *TAKES])
"""How command logs name all of them."""
