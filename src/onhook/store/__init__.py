"""What survives: applications, numbers, calls, notifications. One interface, SQL below it.

SQLite in WAL mode in the data directory is the default.
"""

from onhook.store.keyring import Keyring, KeyringError
from onhook.store.records import (
    Application,
    AttemptRecord,
    CallRecord,
    NotificationOutcome,
    NotificationRecord,
    Number,
    Writes,
)
from onhook.store.sql import Store, StoreError

__all__ = [
    "Application",
    "AttemptRecord",
    "CallRecord",
    "Keyring",
    "KeyringError",
    "NotificationOutcome",
    "NotificationRecord",
    "Number",
    "Store",
    "StoreError",
    "Writes",
]
