"""Which key figures does a run have, how is each defined, and in which unit?

Counts and money are exact; shares are whole numbers divided once. A figure that no one could
have, such as the revenue per user where no one came, is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

from attrs import field, frozen

from crm_domain.wording import unknown

from .counts import Counts, share_of

Value: TypeAlias = int | float | Decimal | None
"""What a key figure can be."""

F = TypeVar("F", bound="Callable[[Counts], Value]")


@frozen(kw_only=True)
class Figure:
    """A key figure.

    Attributes:
        name: Its name in code.
        title: Its name in a table.
        unit: What it is measured in: ``$``, ``users``, ``%`` (of a share between 0 and 1), ….
        definition: What it is, in a sentence.
        of: Computes it.
    """

    name: str
    title: str
    unit: str
    definition: str
    of: Callable[[Counts], Value] = field(repr=False)

    def text(self, value: float | Decimal | None) -> str:
        """Return a value of this figure as a person reads it."""
        if value is None:
            return "-"
        if self.unit == "%":
            return f"{100 * value:.1f} %"
        if self.unit.startswith("$"):
            return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"
        return (f"{value:,}" if isinstance(value, int) else f"{value:,.1f}") + (" days" if self.unit == "days" else "")


FIGURES: Final[dict[str, Figure]] = {}
"""Every key figure by its name, in the order of tables."""


def figure_named(name: str) -> Figure:
    """Return a key figure.

    Raises:
        ValueError: There is no such name; the message lists the near ones.
    """
    if name not in FIGURES:
        raise ValueError(unknown(name, FIGURES, "key figure"))
    return FIGURES[name]


@frozen
class KeyFigures(Mapping[str, Value]):
    """The key figures of one run, by their names; each is computed when it is asked for."""

    counts: Counts

    def __getitem__(self, name: str) -> Value:
        return FIGURES[name].of(self.counts)

    def __iter__(self) -> Iterator[str]:
        return iter(FIGURES)

    def __len__(self) -> int:
        return len(FIGURES)


def _figure(title: str, unit: str) -> Callable[[F], F]:
    def register(of: F) -> F:
        name, definition = of.__name__, " ".join((of.__doc__ or "").split())
        FIGURES[name] = Figure(name=name, title=title, unit=unit, definition=definition, of=of)
        return of

    return register


def _cents(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


# --- people ---------------------------------------------------------------------------------


@_figure("Users", "users")
def users(counts: Counts) -> int:
    """Users who came within the horizon."""
    return counts.total("arrived")


@_figure("Active users a day", "users")
def daily_active_users(counts: Counts) -> float:
    """Users who did something of their own accord on a day, averaged over the days (DAU)."""
    return counts.sum("active_users") / counts.part.days


@_figure("Retention in week 4", "%")
def retention_week_4(counts: Counts) -> float | None:
    """Of the users who are seen that long, those who were active in days 28 to 34 after their arrival."""
    return counts.cohorts().retention(4)


@_figure("Churned", "%")
def churned_share(counts: Counts) -> float | None:
    """Of the users who came, those who left for good within the horizon."""
    return share_of(counts.total("churned_users"), counts.total("arrived"))


# --- money ----------------------------------------------------------------------------------


@_figure("Revenue", "$")
def revenue(counts: Counts) -> Decimal:
    """The sum of all payments, each once however often it was delivered."""
    return _cents(counts.sum("revenue_cents"))


@_figure("Payments", "payments")
def payments(counts: Counts) -> int:
    """Payments, each once however often it was delivered."""
    return counts.sum("payments")


@_figure("Revenue per user (ARPU)", "$ a user")
def arpu(counts: Counts) -> Decimal | None:
    """Revenue over the whole horizon divided by the users who came."""
    came = counts.total("arrived")
    return revenue(counts) / came if came else None


@_figure("Revenue per paying user (ARPPU)", "$ a user")
def arppu(counts: Counts) -> Decimal | None:
    """Revenue over the whole horizon divided by the users who paid at least once."""
    paying = counts.total("paying_users")
    return revenue(counts) / paying if paying else None


@_figure("Paying share", "%")
def paying_share(counts: Counts) -> float | None:
    """Of the users who came, those who paid at least once within the horizon."""
    return share_of(counts.total("paying_users"), counts.total("arrived"))


@_figure("Conversion from free to paid", "%")
def conversion(counts: Counts) -> float | None:
    """Of the CRM users who came, and were given free credits, those who paid at least once within the horizon."""
    if "crm" not in counts.populations:
        return None
    crm = counts.of("crm")
    return share_of(crm.total("paying_users"), crm.total("arrived"))


@_figure("Conversion within 30 days", "%")
def conversion_within_30_days(counts: Counts) -> float | None:
    """The probability that a CRM user pays within 30 days of the arrival (Kaplan-Meier: late arrivals do not bias it)."""
    if "crm" not in counts.populations:
        return None
    curve = counts.of("crm").survival("first_payment")
    return 1 - curve.survival[30] if len(curve.days) > 30 else None  # noqa: PLR2004  # as its name says


@_figure("Repeat payers", "%")
def repeat_share(counts: Counts) -> float | None:
    """Of the users who paid, those who paid more than once."""
    return share_of(sum(counts.histogram("payments_per_user")[2:]), counts.total("paying_users"))


# --- recordings and credits -----------------------------------------------------------------


@_figure("Job requests", "job requests")
def job_requests(counts: Counts) -> int:
    """Job requests that were stored."""
    return counts.sum("job_requests")


@_figure("Recordings", "recordings")
def recordings(counts: Counts) -> int:
    """Recordings that were stored, those that failed later included."""
    return counts.sum("recordings")


@_figure("Blocked recordings", "attempts")
def blocked_recordings(counts: Counts) -> int:
    """Attempts to record that were refused for want of credits."""
    return counts.sum("blocked_recordings")


@_figure("Blocked share", "%")
def blocked_share(counts: Counts) -> float | None:
    """Of all attempts to record, those that were refused for want of credits."""
    blocked = counts.sum("blocked_recordings")
    return share_of(blocked, blocked + counts.sum("recordings"))


@_figure("Users ever blocked", "%")
def blocked_users_share(counts: Counts) -> float | None:
    """Of the users who came, those of whom a recording was blocked within the horizon."""
    return share_of(counts.total("blocked_users"), counts.total("arrived"))


@_figure("Median time to first block", "days")
def median_time_to_first_block(counts: Counts) -> int | None:
    """Days from the arrival after which half of the users have been blocked (Kaplan-Meier); None if fewer ever are."""
    return counts.survival("first_block").median_days


@_figure("Median life of free credits", "days")
def median_life_of_free_credits(counts: Counts) -> int | None:
    """Days from the arrival after which half of the CRM users have used up their free credits (Kaplan-Meier)."""
    if "crm" not in counts.populations:
        return None
    return counts.of("crm").survival("free_credits_spent").median_days


@_figure("Credits granted", "credits")
def credits_granted(counts: Counts) -> int:
    """Credits that were given, free or for payments."""
    return counts.sum("credits_granted_free") + counts.sum("credits_granted_paid")


@_figure("Credits consumed", "credits")
def credits_consumed(counts: Counts) -> int:
    """Credits that recordings took, those that were refunded later included."""
    return counts.sum("credits_consumed")


@_figure("Credits outstanding", "credits")
def credits_outstanding(counts: Counts) -> int:
    """The sum of all balances at the end: recordings that are owed."""
    return counts.total("credits_outstanding")


@_figure("Overdrawn users", "users")
def overdrawn_users(counts: Counts) -> int:
    """Users whose balance is below 0 at the end, which ``atomic_consume`` makes impossible."""
    return counts.total("overdrawn_users")
