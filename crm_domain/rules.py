"""Which rules are in force: credit policy, safeguards, and the readings made of them.

The document is kept in two readings. `SEED` takes it at its word, holes included; `HARDENED`
closes each hole by exactly one named safeguard. Any mixture is a `Rules` too::

    HARDENED.without("grant_once")
    Rules.parse("seed,+owner_pair")
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import attrs
from attrs import field, frozen, validators

from .wording import cut, meant, near, quoted, unknown


@frozen
class Safeguard:
    """What closes one hole of the document.

    Attributes:
        name: The stable name.
        hole: What the document leaves open.
        closes: What the safeguard does about it.
        section: The section of the document that has the hole.
        law: The law that fails when the safeguard is off; None where only a database can show it.
        module: Where the rule stands, under ``crm_domain``; None for PostgreSQL-only safeguards.
    """

    name: str
    hole: str
    closes: str
    section: str
    law: str | None
    module: str | None


def _safeguard(*, hole: str, closes: str, section: str, law: str | None, module: str | None) -> bool:
    described = {"hole": hole, "closes": closes, "section": section, "law": law, "module": module}
    return field(default=True, validator=validators.instance_of(bool), metadata=described)


def _true_or_false(_: object, attribute: attrs.Attribute[bool], value: bool) -> None:  # noqa: FBT001 - as attrs calls it
    if not isinstance(value, bool):
        raise TypeError(f"{attribute.name}: expected true or false, got {quoted(value)}")


_PRICE_DIGITS: Final = 25
"""Greater amounts cannot be rounded to cents in the arithmetic that Python's decimals have by default."""


def _not_negative(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int or not 0 <= value <= 2**31 - 1:
        raise ValueError(f"{attribute.name}: expected a whole number from 0 to 2147483647, got {quoted(value)}")


def _price(_: object, attribute: attrs.Attribute[Decimal], value: Decimal) -> None:
    if not isinstance(value, Decimal):
        raise TypeError(f"{attribute.name}: expected a Decimal, got {type(value).__name__}")
    if not value.is_finite() or value <= 0 or value.adjusted() > _PRICE_DIGITS or _has_fractions_of_cents(value):
        raise ValueError(
            f"{attribute.name}: expected a positive amount with at most two decimals, got {cut(str(value))}"
        )


def _has_fractions_of_cents(value: Decimal) -> bool:
    """Tell whether an amount has more than two decimals, no matter what the precision of the context is."""
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and exponent < -2 and any(digits[exponent + 2 :])  # noqa: PLR2004 - cents


@frozen(kw_only=True)
class CreditPolicy:
    """How many credits there are, and for what ("Comparison: Regular Users vs CRM Users").

    Attributes:
        initial_credits: What a CRM user gets once, free.
        regular_initial_credits: What a regular user gets once, free; 0 in the document.
        credits_per_payment: What a payment gives, to both kinds of user, at any balance.
        price: What a payment must be, in US dollars.
        refund_failed_recordings: Whether a recording that the service marks as failed gives its
            credit back to the grant that paid for it. The document has no refund.
    """

    initial_credits: int = field(default=4, validator=_not_negative)
    regular_initial_credits: int = field(default=0, validator=_not_negative)
    credits_per_payment: int = field(default=3, validator=_not_negative)
    price: Decimal = field(default=Decimal("12.99"), validator=_price)
    refund_failed_recordings: bool = field(default=False, validator=_true_or_false)


@frozen(kw_only=True)
class Rules:
    """A reading of the document: which safeguards are on, and the credit policy.

    Each safeguard is an attribute of its name, so that a rule reads ``if rules.owner_pair``.
    """

    atomic_consume: bool = _safeguard(
        hole="Check, then consume: two recordings that overlap at balance 1 both pass.",
        closes="Check and consume are one step; the balance is never negative.",
        section="Recording Creation Flow",
        law="balance_never_negative",
        module="crm",
    )
    owner_pair: bool = _safeguard(
        hole="Rows carry email and user_id, the policy checks only user_id: another's counters can be moved.",
        closes="(email, user_id) must be one account; unknown and foreign addresses get the same refusal.",
        section="Row Level Security (RLS)",
        law="owner_pair_is_one_account",
        module="creation",
    )
    immutable_owner: bool = _safeguard(
        hole="UPDATE of email on one's own row passes the policy.",
        closes="Owner columns never change.",
        section="Row Level Security (RLS)",
        law="owner_pair_is_one_account",
        module="changes",
    )
    tracking_read_only: bool = _safeguard(
        hole="Users may write their own row of the main table: more credits, activation, self-registration.",
        closes="Users only read the main table; only the service role provisions.",
        section="Row Level Security (RLS)",
        law="no_user_command_raises_credits",
        module="isolation",
    )
    stats_read_only: bool = _safeguard(
        hole="Users may write their own row of crm_dashboard_stats.",
        closes="Users only read their counters.",
        section="Row Level Security (RLS)",
        law="counters_equal_fold_of_events",
        module="isolation",
    )
    profile_read_only: bool = _safeguard(
        hole="The document has no policy for profiles: a user may set their own balance.",
        closes="Users only read their own profile; balances move through grants and consumption alone.",
        section="Row Level Security (RLS)",
        law="balance_equals_granted_minus_consumed",
        module="isolation",
    )
    private_dashboard: bool = _safeguard(
        hole="get_crm_dashboard_data(email) takes any address.",
        closes="Another's or an unknown address gives no row.",
        section="Helper Functions",
        law="reads_see_only_own_rows",
        module="queries",
    )
    same_owner_reference: bool = _safeguard(
        hole="A recording may name another user's job request, which its owner then cannot delete.",
        closes="job_request_id must be one's own.",
        section="crm_recordings",
        law="reference_has_same_owner",
        module="creation",
    )
    grant_once: bool = _safeguard(
        hole="A re-sync resets the balance, or grants 4 again after a delete.",
        closes="One initial grant per address and per person, in a ledger that outlives deletes.",
        section="CRM User Creation Flow",
        law="provisioning_is_idempotent",
        module="provisioning",
    )
    idempotent_payment: bool = _safeguard(
        hole="A payment delivered twice is credited twice.",
        closes="Same reference, same content: credited once; other content is a conflict.",
        section="Comparison: Regular Users vs CRM Users",
        law="payment_is_idempotent",
        module="payments",
    )
    exact_price: bool = _safeguard(
        hole="0.01 buys 3 credits.",
        closes="The amount must be the price.",
        section="Comparison: Regular Users vs CRM Users",
        law="balance_equals_granted_minus_consumed",
        module="payments",
    )
    one_email: bool = _safeguard(
        hole="Amy@x.com and amy@x.com are two accounts with 8 credits.",
        closes="One normal form (trimmed, lower-cased) is the key; an impossible address is refused.",
        section="digital_resume_by_CRM",
        law="provisioning_is_idempotent",
        module="addresses",
    )
    valid_values: bool = _safeguard(
        hole="Negative durations, status 'banana', rows without an owner.",
        closes="They are refused.",
        section="Table Structure",
        law="owner_pair_is_one_account",
        module="schema",
    )
    one_primary: bool = _safeguard(
        hole="Two primary resumes.",
        closes="A second one is refused, the first is not silently demoted.",
        section="crm_resumes",
        law="at_most_one_primary_resume",
        module="creation",
    )
    active_only: bool = _safeguard(
        hole="Deactivated users go on writing.",
        closes="They may read and may not write.",
        section="digital_resume_by_CRM",
        law="service_passes_policies_not_rules",
        module="isolation",
    )
    separate_populations: bool = _safeguard(
        hole="CRM users may write the regular tables and record there.",
        closes="A CRM user's rows go to the crm_ tables alone.",
        section="Comparison: Regular Users vs CRM Users",
        law="populations_are_separate",
        module="isolation",
    )
    definer_safety: bool = _safeguard(
        hole="Functions without a pinned search_path, executable by everyone; TRUNCATE under default grants.",
        closes="Pinned, revoked, minimal grants (PostgreSQL only).",
        section="Automatic Triggers",
        law=None,
        module=None,
    )
    charge_after_write: bool = _safeguard(
        hole="A BEFORE trigger charges even when ON CONFLICT DO NOTHING stores no row.",
        closes="Charged once per stored row (PostgreSQL only).",
        section="Credit Consumption",
        law=None,
        module=None,
    )
    paid_media_immutable: bool = _safeguard(
        hole="A paid recording's video may be swapped for another.",
        closes="video_url is fixed once the recording was completed.",
        section="crm_recordings",
        law="one_credit_per_recording",
        module="changes",
    )
    credit_policy: CreditPolicy = field(factory=CreditPolicy, validator=validators.instance_of(CreditPolicy))

    @property
    def safeguards(self) -> frozenset[str]:
        """The names of the safeguards that are on."""
        return frozenset(name for name in SAFEGUARDS if getattr(self, name))

    def having(self, *names: str) -> Rules:
        """Return these rules with the named safeguards on.

        Raises:
            ValueError: There is no safeguard of such a name.
        """
        return self._set(names, on=True)

    def without(self, *names: str) -> Rules:
        """Return these rules with the named safeguards off.

        Raises:
            ValueError: There is no safeguard of such a name.
        """
        return self._set(names, on=False)

    def flipped(self, name: str) -> Rules:
        """Return these rules with one safeguard the other way.

        Raises:
            ValueError: There is no safeguard of this name.
        """
        return self.without(name) if name in self.safeguards else self.having(name)

    def _set(self, names: Iterable[str], *, on: bool) -> Rules:
        changes: dict[str, Any] = dict.fromkeys(_checked(names), on)
        return attrs.evolve(self, **changes)

    @staticmethod
    def parse(*texts: str) -> Rules:
        """Read rules as they are written on a command line.

        Args:
            texts: Comma-separated steps, taken from left to right: ``seed`` or ``hardened``
                (the start, if none is named) set all safeguards, ``+name`` and ``-name`` one.

        Raises:
            ValueError: A step is not one of these; the message lists what there is.
        """
        rules = HARDENED
        for step in (step.strip() for text in texts for step in text.split(",")):
            if step in READINGS:
                rules = READINGS[step]
            elif step[:1] == "+":
                rules = rules.having(step[1:])
            elif step[:1] == "-":
                rules = rules.without(step[1:])
            else:
                raise ValueError(
                    f"rules: {quoted(step)} is not 'seed', 'hardened', '+safeguard' or '-safeguard'{_meant(step)}"
                )
        return rules

    def __str__(self) -> str:
        on, off = self.safeguards, SAFEGUARDS.keys() - self.safeguards
        if len(on) < len(off):
            return ",".join(["seed", *(f"+{name}" for name in sorted(on))])
        return ",".join(["hardened", *(f"-{name}" for name in sorted(off))])


def _checked(names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    for name in names:
        if name not in SAFEGUARDS:
            raise ValueError(f"rules: {unknown(name, SAFEGUARDS, 'safeguard')}")
    return names


def _meant(step: str) -> str:
    """Return what a step that is not one of these was likely meant to be."""
    question = meant(near(step, [*READINGS, *(f"-{name}" for name in SAFEGUARDS)]))
    return f"; {question}" if question else ""


SAFEGUARDS: Final[dict[str, Safeguard]] = {
    a.name: Safeguard(name=a.name, **a.metadata) for a in attrs.fields(Rules) if "hole" in a.metadata
}
"""Every safeguard by its name, in the order of the table of decisions."""

HARDENED: Final = Rules()
"""Every safeguard on: the default everywhere."""

SEED: Final = HARDENED.without(*SAFEGUARDS)
"""The document at its word, its holes included."""

READINGS: Final = {"seed": SEED, "hardened": HARDENED}
"""The two readings that have a name of their own."""
