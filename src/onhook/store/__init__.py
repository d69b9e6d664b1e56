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
    StoredNotification,
    TrunkRecord,
    WorkerAlive,
    Writes,
)
from onhook.store.sql import Store

__all__ = [
    "MAIN_ACCOUNT",
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
    "StoredNotification",
    "TrunkRecord",
    "WorkerAlive",
    "Writes",
]
