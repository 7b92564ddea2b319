"""Why something is refused.

::

    Refused
    ├── PermissionDenied       permission_denied      42501
    ├── RlsViolation           rls_violation          42501
    ├── NotNullViolation       not_null_violation     23502
    ├── CheckViolation         check_violation        23514
    ├── InvalidEmail           invalid_email
    ├── UniqueViolation        unique_violation       23505
    ├── Conflict               conflict
    ├── ForeignKeyViolation    foreign_key_violation  23503
    └── InsufficientCredits    insufficient_credits   P0001

The tree stands in the order of precedence: when several rules refuse the same step, the
upper one is reported. A refusal is an answer of the domain, and nothing has changed; a
programming mistake is an ordinary `TypeError` or `ValueError`.
"""

from __future__ import annotations

from typing import ClassVar

from .wording import quoted

__all__ = [
    "REFUSALS",
    "CheckViolation",
    "Conflict",
    "Forbidden",
    "ForeignKeyViolation",
    "InsufficientCredits",
    "InvalidEmail",
    "NotNullViolation",
    "PermissionDenied",
    "Refused",
    "RlsViolation",
    "UniqueViolation",
    "refusal",
]


class Refused(Exception):  # noqa: N818 - an answer of the domain, not an error of the program
    """Raised when the domain declines a command or a read; nothing has changed.

    Attributes:
        code: The kind, a stable name such as ``"insufficient_credits"``.
        sqlstate: PostgreSQL's code for it; None where PostgreSQL has none.
        precedence: Which kind is reported when several apply, the lowest first.
        message: What was wrong and what to do, in one sentence or two.
        table: The table concerned, by the document's name.
        column: The column concerned.
        safeguard: The safeguard that refuses; None where the document itself does.
        section: The section of the document that the rule comes from.
        as_right: The codes of refusals that would be as right, because other rows of the same statement would be
            refused with them: which row comes first is not specified.
    """

    code: ClassVar[str]
    sqlstate: ClassVar[str | None] = None
    precedence: ClassVar[int]

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        column: str | None = None,
        safeguard: str | None = None,
        section: str | None = None,
        as_right: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.table = table
        self.column = column
        self.safeguard = safeguard
        self.section = section
        self.as_right = as_right

    @property
    def signature(self) -> tuple[str, str | None, str | None, str | None]:
        """What makes two refusals the same: code, table, column and safeguard."""
        return (self.code, self.table, self.column, self.safeguard)


class PermissionDenied(Refused):
    """Raised when the role may not do this at all, on any row."""

    code = "permission_denied"
    sqlstate = "42501"
    precedence = 0


class Forbidden(PermissionDenied):
    """Raised for another implementation that says 42501 and not which of the two kinds it is."""


class RlsViolation(Refused):
    """Raised when a row policy forbids the row: another's, or a deactivated user's."""

    code = "rls_violation"
    sqlstate = "42501"
    precedence = 1


class NotNullViolation(Refused):
    """Raised when a value that must be there is missing."""

    code = "not_null_violation"
    sqlstate = "23502"
    precedence = 2


class CheckViolation(Refused):
    """Raised when a value is outside of what its column takes."""

    code = "check_violation"
    sqlstate = "23514"
    precedence = 3


class InvalidEmail(Refused):
    """Raised when an address has no name, no domain, or cannot be one at all."""

    code = "invalid_email"
    precedence = 3


class UniqueViolation(Refused):
    """Raised when the key, or the one primary resume, is already there."""

    code = "unique_violation"
    sqlstate = "23505"
    precedence = 4


class Conflict(Refused):
    """Raised when a key or payment reference comes again with other content, or balances would part."""

    code = "conflict"
    precedence = 4


class ForeignKeyViolation(Refused):
    """Raised when a row names, or is named by, a row that must (still) exist and have the same owner."""

    code = "foreign_key_violation"
    sqlstate = "23503"
    precedence = 5


class InsufficientCredits(Refused):
    """Raised when a recording is asked for and the balance is 0 credits."""

    code = "insufficient_credits"
    sqlstate = "P0001"
    precedence = 6


REFUSALS: dict[str, type[Refused]] = {kind.code: kind for kind in Refused.__subclasses__()}
"""Every kind of refusal by its code, in order of precedence."""


def refusal(code: str, message: str = "") -> Refused:
    """Return a refusal as another implementation reports it, for the one who drives that to raise.

    Args:
        code: The kind's code, or one of PostgreSQL's SQLSTATEs. 42501 is of two kinds, so that
            `Forbidden` says no more than that; give the code where you know it.
        message: What the implementation said.

    Raises:
        ValueError: It is no kind of refusal.

    Example:
        >>> refusal("23503", "no such user")
        ForeignKeyViolation('no such user')
        >>> refusal("insufficient_credits").sqlstate
        'P0001'
    """
    if code in REFUSALS:
        return REFUSALS[code](message)
    kinds = [kind for kind in REFUSALS.values() if kind.sqlstate == code]
    if not kinds:
        known = ", ".join((*REFUSALS, *sorted({str(k.sqlstate) for k in REFUSALS.values() if k.sqlstate})))
        raise ValueError(f"code: {quoted(code)} is no kind of refusal; there are {known}")
    return kinds[0](message) if len(kinds) == 1 else Forbidden(message)
