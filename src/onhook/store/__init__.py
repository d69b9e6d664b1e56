"""What survives: applications, numbers, calls, notifications. One interface, SQL below it.

SQLite in WAL mode in the data directory is the default.
"""

from onhook.store.database import StoreError
from onhook.store.keyring import Keyring, KeyringError
from onhook.store.lease import Lease, LeaseLost, LeaseRecord
from onhook.store.money import Money
from onhook.store.records import (
    MAIN_ACCOUNT,
    Account,
    Application,
    AttemptRecord,
    CallRecord,
    Debit,
    IdempotentReply,
    LedgerEntry,
    NotificationOutcome,
    NotificationRecord,
    Number,
    RateRecord,
    RefusedRequest,
    TrunkRecord,
    WorkerAlive,
    Writes,
)
from onhook.store.sql import Store

__all__ = [
    "MAIN_ACCOUNT",
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
    "NotificationOutcome",
    "NotificationRecord",
    "Number",
    "RateRecord",
    "RefusedRequest",
    "Store",
    "StoreError",
    "TrunkRecord",
    "WorkerAlive",
    "Writes",
]
