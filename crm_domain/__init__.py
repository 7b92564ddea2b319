"""The CRM side of a job-application service as an executable specification.

>>> from crm_domain import Crm, InsufficientCredits
>>> crm = Crm()
>>> amy = crm.as_user(crm.as_service().sync_crm_user(email="amy@example.com").user_id)
>>> for _ in range(4):
...     accepted = amy.create_recording(video_url="https://example.com/take.mp4")
>>> try:
...     amy.create_recording(video_url="https://example.com/take.mp4")
... except InsufficientCredits as refusal:
...     print(refusal)
The balance is 0 credits and a recording costs 1: pay for more, then try again.

What may be asked is in `crm_domain.commands`, what can have happened in `crm_domain.events`,
what is stored in `crm_domain.rows`, why something is refused in `crm_domain.errors`.
"""

from .commands import (
    Command,
    CreateJobRequest,
    CreateRecording,
    CreateRegularJobRequest,
    CreateRegularRecording,
    Delete,
    RecordPayment,
    RegisterUser,
    SyncCrmUser,
    TrackLogin,
    TrackTime,
    TrackView,
    Update,
    UploadRegularResume,
    UploadResume,
)
from .crm import Crm
from .decision import Accepted
from .errors import (
    CheckViolation,
    Conflict,
    ForeignKeyViolation,
    InsufficientCredits,
    InvalidEmail,
    NotNullViolation,
    PermissionDenied,
    Refused,
    RlsViolation,
    UniqueViolation,
    refusal,
)
from .events import Event
from .explain import Explanation
from .ids import ANON, SERVICE, Email, Principal, Role, RowId, UserId, email_fault, normal_email, user
from .ports import Backend, Clock, IdSource, JournalEntry, Store
from .queries import CrmUserWithStats, DashboardData, UserData, UserInNeedOfCredits
from .reads import GetDashboard, Select
from .rows import TABLES, table_named
from .rules import HARDENED, SAFEGUARDS, SEED, CreditPolicy, Rules, Safeguard
from .schema import DEFAULT
from .session import Session
from .sources import ManualClock, SequentialIds
from .tasks import BatchOfAnotherTask
from .upcasting import EventRecord, event_of, record_of

__all__ = [
    "ANON",
    "DEFAULT",
    "HARDENED",
    "SAFEGUARDS",
    "SEED",
    "SERVICE",
    "TABLES",
    "Accepted",
    "Backend",
    "BatchOfAnotherTask",
    "CheckViolation",
    "Clock",
    "Command",
    "Conflict",
    "CreateJobRequest",
    "CreateRecording",
    "CreateRegularJobRequest",
    "CreateRegularRecording",
    "CreditPolicy",
    "Crm",
    "CrmUserWithStats",
    "DashboardData",
    "Delete",
    "Email",
    "Event",
    "EventRecord",
    "Explanation",
    "ForeignKeyViolation",
    "GetDashboard",
    "IdSource",
    "InsufficientCredits",
    "InvalidEmail",
    "JournalEntry",
    "ManualClock",
    "NotNullViolation",
    "PermissionDenied",
    "Principal",
    "RecordPayment",
    "Refused",
    "RegisterUser",
    "RlsViolation",
    "Role",
    "RowId",
    "Rules",
    "Safeguard",
    "Select",
    "SequentialIds",
    "Session",
    "Store",
    "SyncCrmUser",
    "TrackLogin",
    "TrackTime",
    "TrackView",
    "UniqueViolation",
    "Update",
    "UploadRegularResume",
    "UploadResume",
    "UserData",
    "UserId",
    "UserInNeedOfCredits",
    "email_fault",
    "event_of",
    "normal_email",
    "record_of",
    "refusal",
    "table_named",
    "user",
]
