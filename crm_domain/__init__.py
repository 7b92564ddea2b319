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

from .answers import Accepted, Changed, Paid, Provisioned, Stored
from .clocks import ManualClock, SequentialIds
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
from .ports import Backend, Clock, IdSource, JournalEntry, Place, Store
from .reads import (
    Count,
    CountRecords,
    CrmUserWithStats,
    DashboardData,
    DetectCrmUser,
    ExportCrmUsers,
    FindAddress,
    GetDashboard,
    GetUserData,
    ListCrmUsersWithStats,
    ListUsersInNeedOfCredits,
    Read,
    Select,
    SelectPage,
    UserData,
    UserInNeedOfCredits,
)
from .rows import TABLES, table_named
from .rules import HARDENED, SAFEGUARDS, SEED, CreditPolicy, Rules, Safeguard
from .schema import DEFAULT
from .session import Session
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
    "Changed",
    "CheckViolation",
    "Clock",
    "Command",
    "Conflict",
    "Count",
    "CountRecords",
    "CreateJobRequest",
    "CreateRecording",
    "CreateRegularJobRequest",
    "CreateRegularRecording",
    "CreditPolicy",
    "Crm",
    "CrmUserWithStats",
    "DashboardData",
    "Delete",
    "DetectCrmUser",
    "Email",
    "Event",
    "EventRecord",
    "Explanation",
    "ExportCrmUsers",
    "FindAddress",
    "ForeignKeyViolation",
    "GetDashboard",
    "GetUserData",
    "IdSource",
    "InsufficientCredits",
    "InvalidEmail",
    "JournalEntry",
    "ListCrmUsersWithStats",
    "ListUsersInNeedOfCredits",
    "ManualClock",
    "NotNullViolation",
    "Paid",
    "PermissionDenied",
    "Place",
    "Principal",
    "Provisioned",
    "Read",
    "RecordPayment",
    "Refused",
    "RegisterUser",
    "RlsViolation",
    "Role",
    "RowId",
    "Rules",
    "Safeguard",
    "Select",
    "SelectPage",
    "SequentialIds",
    "Session",
    "Store",
    "Stored",
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
