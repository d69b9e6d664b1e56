"""What survives: applications, numbers, calls, notifications. One interface, SQL below it.

SQLite in WAL mode in the data directory is the default.
"""

from onhook.store.database import StoreError
from onhook.store.keyring import Keyring, KeyringError
from onhook.store.lease import Lease, LeaseLost, LeaseRecord
from onhook.store.money import Money
from onhook.store.records import (
    MAIN_ACCOUNT,
    NO_DIALOGS,
    NOT_GOING_ON,
    Account,
    Application,
    AttemptRecord,
    CallRecord,
    Debit,
    IdempotentReply,
    LedgerEntry,
    NotificationContext,
    NotificationOutcome,
    Number,
    RateRecord,
    RefusedRequest,
    StoredDialogs,
    StoredGoingOn,
    StoredNotification,
    Token,
    TrunkRecord,
    WorkerAlive,
    Writes,
)
from onhook.store.sql import Store

__all__ = [
    "MAIN_ACCOUNT",
    "NOT_GOING_ON",
    "NO_DIALOGS",
    "Account",
    "Application",
    "AttemptRecord",
    "CallRecord",
    "Debit",
    "IdempotentReply",
    "Keyring",
    "KeyringError",
    "Lease",
    "LeaseLost",
    "LeaseRecord",
    "LedgerEntry",
    "Money",
    "NotificationContext",
    "NotificationOutcome",
    "Number",
    "RateRecord",
    "RefusedRequest",
    "Store",
    "StoreError",
    "StoredDialogs",
    "StoredGoingOn",
    "StoredNotification",
    "Token",
    "TrunkRecord",
    "WorkerAlive",
    "Writes",
]
