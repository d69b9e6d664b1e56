"""Records to store."""

from dataclasses import replace

from sqlalchemy import select

from onhook import urls
from onhook.store import Account, Application, CallRecord, Number, Store, StoredNotification, schema

ACCOUNT = Account("main", "main", "AA", "SGD", 1)
APPLICATION = Application("a" * 16, "shop", "h" * 64, "encrypted", "encrypted too", 1)
NUMBER = Number("+6531234567", APPLICATION.app_id, "http://example.com/", 2)


def call(session: str = "S1", **changes: object) -> CallRecord:
    record = CallRecord(
        session=session,
        txn_ref=f"AA-C-{session}",
        app_id=APPLICATION.app_id,
        owner="me",
        state="ringing",
        from_number="+6598765432",
        to_number=NUMBER.number,
        began_ms=1000,
        currency="SGD",
        rate="0.020",
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def notification(session: str, sequence: int, **changes: object) -> StoredNotification:
    record = StoredNotification(
        notification_id=f"msg_{session}_{sequence}",
        session=session,
        app_id=APPLICATION.app_id,
        sequence=sequence,
        url=urls.parse("http://example.com/"),
        fields={"tag": "東京"},
        created_ms=1000 + sequence,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


async def open_calls(store: Store) -> list[CallRecord]:
    """Calls that are not over, oldest first."""
    table = schema.calls
    wanted = select(table).where(table.c.state != "ended").order_by(table.c.began_ms)
    return await store.records(CallRecord, wanted)
