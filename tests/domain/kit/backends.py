"""Which broken backends does more than one test hold the kit to?"""

from __future__ import annotations

from typing import Any

from crm_domain import Principal, Refused, TrackView
from crm_domain.testing import CrmBackend


class CountsRefusals(CrmBackend):
    """Refuses what it should, and counts a view all the same."""

    def execute(self, principal: Principal, command: Any) -> Any:
        try:
            return super().execute(principal, command)
        except Refused:
            for stats in self.crm.tables.crm_dashboard_stats:
                stats.total_views += 1
            raise


class WithoutViews(CrmBackend):
    """Has no such thing as views."""

    asked = 0

    def execute(self, principal: Principal, command: Any) -> Any:
        if isinstance(command, TrackView):
            self.asked += 1
            raise NotImplementedError
        return super().execute(principal, command)
