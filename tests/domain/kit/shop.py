"""A small shop with a credit ledger of its own, and the backend that points the kit at it.

Nothing of the library is in the shop: tables, names, units and errors are its own. The backend
translates, and says of what the shop does not have that it is not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from crm_domain import DEFAULT, CreateRegularRecording, Principal, RecordPayment, RegisterUser
from crm_domain.errors import refusal
from crm_domain.ids import email_fault, normal_email

# --- the shop -------------------------------------------------------------------------------

SCHEMA: Final = """
CREATE TABLE customer (
    code TEXT PRIMARY KEY NOT NULL, mail TEXT NOT NULL UNIQUE, credit INTEGER NOT NULL DEFAULT 0, since TEXT NOT NULL
);
CREATE TABLE purchase (
    receipt TEXT PRIMARY KEY NOT NULL, reference TEXT NOT NULL UNIQUE,
    customer TEXT NOT NULL REFERENCES customer, cents INTEGER NOT NULL, at TEXT NOT NULL
);
CREATE TABLE clip (
    code TEXT PRIMARY KEY NOT NULL, customer TEXT NOT NULL REFERENCES customer, file TEXT, picture TEXT,
    seconds INTEGER, bytes INTEGER, shot TEXT, words TEXT, state TEXT NOT NULL, made TEXT, changed TEXT
);
"""
PRICE_CENTS: Final = 1299
CREDITS_OF_A_PURCHASE: Final = 3


class NotSold(Exception):  # noqa: N818 - the shop says no
    """Raised when the shop declines something, with a word for it."""


class Shop:
    """Customers buy credits; a clip costs one."""

    schema = SCHEMA

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.db.row_factory = sqlite3.Row
        self.db.executescript("PRAGMA foreign_keys = ON;" + self.schema)

    def close(self) -> None:
        self.db.close()

    def sign_up(self, code: str, mail: str) -> None:
        """Take on a customer, with no credit."""
        now = datetime.now(UTC).isoformat()
        with self.db:
            self.db.execute("INSERT INTO customer (code, mail, since) VALUES (?, ?, ?)", (code, mail, now))

    def buy(self, receipt: str, customer: str, reference: str, cents: int) -> bool:
        """Credit a purchase; return False for one that was credited before."""
        if cents != PRICE_CENTS:
            raise NotSold("price")
        known = self.purchased(reference)
        if known is not None:
            if known["customer"] != customer:
                raise NotSold("reference")
            return False
        with self.db:
            row = (receipt, reference, customer, cents, datetime.now(UTC).isoformat())
            self.db.execute("INSERT INTO purchase VALUES (?, ?, ?, ?, ?)", row)
            change = "UPDATE customer SET credit = credit + ? WHERE code = ?"
            self.db.execute(change, (CREDITS_OF_A_PURCHASE, customer))
        return True

    def purchased(self, reference: str) -> sqlite3.Row | None:
        """Return the purchase of this reference, if there was one."""
        found: sqlite3.Row | None = self.db.execute(
            "SELECT * FROM purchase WHERE reference = ?", (reference,)
        ).fetchone()
        return found

    def keep(self, clip: Mapping[str, Any]) -> None:
        """Keep a clip, for one credit."""
        with self.db:
            places = ", ".join("?" for _ in clip)
            self.db.execute(f"INSERT INTO clip ({', '.join(clip)}) VALUES ({places})", tuple(clip.values()))
            if not self.has_credit(clip["customer"]):
                raise NotSold("credit")
            self.db.execute("UPDATE customer SET credit = credit - 1 WHERE code = ?", (clip["customer"],))

    def has_clip(self, code: str) -> bool:
        """Tell whether there is a clip of this code."""
        return self.db.execute("SELECT 1 FROM clip WHERE code = ?", (code,)).fetchone() is not None

    def has_credit(self, customer: str) -> bool:
        """Tell whether a customer can pay for another clip."""
        (credit,) = self.db.execute("SELECT credit FROM customer WHERE code = ?", (customer,)).fetchone()
        return bool(credit > 0)

    def shown(self, table: str, customer: str | None) -> Sequence[sqlite3.Row]:
        """Return the rows that one customer may see; all of them for the staff, which is None."""
        owner = "code" if table == "customer" else "customer"
        return self.db.execute(f"SELECT * FROM {table} WHERE ? IN ({owner}, '')", (customer or "",)).fetchall()


# --- the backend ----------------------------------------------------------------------------

TABLES: Final = {"profiles": "customer", "payments": "purchase", "recordings": "clip"}
COLUMNS: Final = {
    "profiles": {"user_id": "code", "credits_remaining": "credit", "created_at": "since", "updated_at": "since"},
    "payments": {"id": "receipt", "user_id": "customer", "ref": "reference", "amount": "cents", "created_at": "at"},
    "recordings": {
        "id": "code",
        "user_id": "customer",
        "video_url": "file",
        "thumbnail_url": "picture",
        "duration": "seconds",
        "file_size": "bytes",
        "recording_date": "shot",
        "transcription": "words",
        "status": "state",
        "created_at": "made",
        "updated_at": "changed",
    },
}
REFUSALS: Final = {
    "price": "check_violation",
    "reference": "conflict",
    "credit": "insufficient_credits",
    "SQLITE_CONSTRAINT_NOTNULL": "23502",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "23505",
    "SQLITE_CONSTRAINT_UNIQUE": "23505",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "23503",
}


class ShopBackend:
    """The shop, as the kit drives it."""

    def __init__(self, make: type[Shop] = Shop) -> None:
        self.make = make
        self.shop = make()

    def reset(self) -> None:
        self.shop.close()
        self.shop = self.make()

    def close(self) -> None:
        self.shop.close()

    def execute(self, who: Principal, asked: Any) -> Any:
        """Do what is asked in the shop's terms."""
        if not isinstance(asked, RegisterUser | RecordPayment | CreateRegularRecording):
            raise NotImplementedError(f"the shop has no {type(asked).__name__}")
        is_clip = isinstance(asked, CreateRegularRecording)
        refuse_if(not who.is_service and not (who.is_user and is_clip), "permission_denied")
        refuse_if(who.is_user and who.user_id != asked.user_id, "rls_violation")
        refuse_bad_values(getattr(asked, "faults", ()))
        try:
            match asked:
                case RegisterUser():
                    return self.sign_up(asked)
                case RecordPayment():
                    return self.buy(asked)
                case CreateRegularRecording():
                    return self.clip(asked)
        except NotSold as no:
            raise refusal(REFUSALS[str(no)]) from no
        except sqlite3.IntegrityError as error:
            raise refusal(REFUSALS[error.sqlite_errorname], str(error)) from error

    def sign_up(self, asked: Any) -> Any:
        refuse_if(asked.user_id is None or asked.email is None, "not_null_violation")
        email = str(asked.email)
        refuse_if("\0" in email, "check_violation")
        refuse_if(email_fault(normal_email(email)) is not None, "invalid_email")
        code = str(uuid4()) if asked.user_id is DEFAULT else asked.user_id
        self.shop.sign_up(code, normal_email(email))
        return {"user_id": code}

    def buy(self, asked: Any) -> Any:
        receipt = str(uuid4()) if asked.id is DEFAULT else asked.id
        return {"credited": self.shop.buy(receipt, asked.user_id, asked.ref, int(asked.amount * 100))}

    def clip(self, asked: Any) -> None:
        if asked.job_request_id is not None:  # there are no job requests, which is told after a code that is taken
            refuse_if(self.shop.has_clip(asked.id), "unique_violation")
            refuse_if(True, "foreign_key_violation")
        made = given(asked.created_at, datetime.now(UTC))
        columns = {"created_at": made, "updated_at": given(asked.updated_at, made)}
        values = {name: columns.get(name, getattr(asked, name)) for name in COLUMNS["recordings"]}
        self.shop.keep({COLUMNS["recordings"][name]: as_text(value) for name, value in values.items()})

    def select(self, who: Principal, table: str, where: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return the shop's rows in the document's terms."""
        if table not in TABLES:
            raise NotImplementedError(f"the shop has no {table}")
        refuse_if(not who.is_service and not who.is_user, "permission_denied")
        rows = [self.row(table, found) for found in self.shop.shown(TABLES[table], who.user_id)]
        return [row for row in rows if all(row.get(name) == value for name, value in where.items())]

    def row(self, table: str, found: sqlite3.Row) -> dict[str, Any]:
        row = {name: found[column] for name, column in COLUMNS[table].items()}
        for name, value in row.items():
            if name.endswith(("_at", "_date")) and value is not None:
                row[name] = datetime.fromisoformat(value)
        if table == "payments":
            row |= {"amount": Decimal(row["amount"]) / 100, "credits": CREDITS_OF_A_PURCHASE}
        return row


def refuse_if(bad: object, code: str) -> None:
    if bad:
        raise refusal(code)


def refuse_bad_values(faults: Iterable[Any]) -> None:
    for fault in sorted(faults, key=lambda fault: fault.kind.precedence):
        raise refusal(fault.kind.code)


def given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is DEFAULT else value


def as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
