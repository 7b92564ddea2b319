"""What may be asked for without changing anything, as values that logs and tests can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define, field

from . import queries
from .ids import Principal
from .rows import table_named
from .schema import Table

if TYPE_CHECKING:
    from .crm import Crm


@define(kw_only=True)
class Select:
    """Read the rows that one sees and that meet *where*, newest first.

    Attributes:
        table: The table.
        where: Equalities that rows must meet, all of them; empty for every row.
    """

    table: Table[Any] = field(converter=table_named)
    where: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.where = self.table.atoms(self.where)

    def answer(self, crm: Crm, principal: Principal) -> list[Any]:
        """Return the rows, as *principal* sees them.

        Raises:
            PermissionDenied: The role may not read the table at all.
        """
        table = self.table
        given = {name: table.readers[table.position[name]](atom) for name, atom in self.where.items()}
        return crm.read(queries.select, principal, table, given)


@define(kw_only=True)
class GetDashboard:
    """Read the dashboard of a CRM user ("Helper Functions").

    Attributes:
        email: The address, in any spelling; None, as NULL in SQL, finds nothing.
    """

    email: str | None = None

    def answer(self, crm: Crm, principal: Principal) -> queries.DashboardData | None:
        """Return the dashboard, or None if there is none that *principal* sees.

        Raises:
            PermissionDenied: Nobody has signed in.
        """
        return crm.read(queries.get_crm_dashboard_data, principal, self.email)


Read: TypeAlias = Select | GetDashboard
"""Everything that may be asked for and changes nothing."""
