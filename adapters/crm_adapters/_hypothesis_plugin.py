"""How does hypothesis learn of this library's types, without importing for everybody what few need?

Hypothesis loads this module whenever it is imported, by the entry point group ``hypothesis``. It
stands outside of `crm_domain`, which would be imported with it: types are registered when someone
imports `crm_domain`, and strategies imported when the first value is drawn. From then on
``from_type(CreateRecording)`` is what `crm_domain.testing.create_recordings` makes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

STRATEGIES: Final = {
    "crm_domain.ids": {
        "UserId": "user_ids",
        "RowId": "row_ids",
        "Email": "addresses",
        "Principal": "principals",
    },
    "crm_domain.rules": {
        "CreditPolicy": "credit_policies",
        "Rules": "rules",
    },
    "crm_domain.rows": {
        "AuthUser": "auth_users",
        "Profile": "profiles",
        "CrmUser": "crm_users",
        "CrmJobRequest": "crm_job_requests",
        "CrmRecording": "crm_recordings",
        "CrmResume": "crm_resumes",
        "CrmDashboardStats": "crm_dashboard_stats",
        "JobRequest": "job_requests",
        "Recording": "recordings",
        "Resume": "resumes",
        "Payment": "payments",
        "CreditGrant": "credit_grants",
        "CreditConsumption": "credit_consumptions",
        "IdempotencyKey": "idempotency_keys",
    },
    "crm_domain.commands": {
        "RegisterUser": "registrations",
        "SyncCrmUser": "syncs",
        "CreateJobRequest": "create_job_requests",
        "CreateRecording": "create_recordings",
        "UploadResume": "upload_resumes",
        "CreateRegularJobRequest": "create_regular_job_requests",
        "CreateRegularRecording": "create_regular_recordings",
        "UploadRegularResume": "upload_regular_resumes",
        "RecordPayment": "record_payments",
        "Update": "updates",
        "Delete": "deletions",
        "TrackView": "track_views",
        "TrackLogin": "track_logins",
        "TrackTime": "track_times",
    },
    "crm_domain.reads": {
        "Select": "selects",
        "GetDashboard": "dashboards",
    },
}
"""The types of each module, and the strategies of `crm_domain.testing` for them."""


def plug_in() -> None:
    """Have the types registered as soon as they are there; hypothesis calls this when it is imported."""
    when_imported("crm_domain", register)


def register() -> None:
    """Register every type, by a function that imports its strategy when that is needed."""
    from hypothesis.strategies import register_type_strategy  # noqa: PLC0415 - where this is not called, not needed

    for module, types in STRATEGIES.items():
        for type_, strategy in types.items():
            register_type_strategy(getattr(import_module(module), type_), _imported_for_use(strategy))


def _imported_for_use(name: str) -> Callable[[Any], SearchStrategy[Any]]:
    def strategy(_: object) -> SearchStrategy[Any]:
        made: SearchStrategy[Any] = getattr(import_module("crm_domain.testing"), name)()
        return made

    return strategy


# --- once a module is there ---------------------------------------------------------------------


def when_imported(name: str, then: Callable[[], None]) -> None:
    """Call *then* once the module of this name is imported; at once if it is."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Watch(name, then))


class _Watch(MetaPathFinder):
    """Finds a module as others do, and has something done when it was executed."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the others find for the one module that is watched for."""
        if fullname != self._name:
            return None
        spec = self._found_by_others(path, target)
        if spec is not None and spec.loader is not None:
            self._watch(spec.loader)
        return spec

    def _found_by_others(self, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        others = (finder for finder in sys.meta_path if not isinstance(finder, _Watch))
        found = (finder.find_spec(self._name, path, target) for finder in others)
        return next((spec for spec in found if spec is not None), None)

    def _watch(self, loader: Any) -> None:
        execute = loader.exec_module

        def execute_and_tell(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:  # nobody else was quicker
                sys.meta_path.remove(self)
                self._then()

        # The loader stays the one that it is: those who ask it for a source or a resource find what they know.
        loader.exec_module = execute_and_tell
