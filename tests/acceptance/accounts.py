"""Accounts of their own for tests that look at what an account has, and calls that it once had."""

import secrets
from collections.abc import Iterable

from acceptance.asking import rows
from acceptance.harness import Customer, Onhook
from onhook.store import Account, CallRecord, Store, Writes
from onhook.testing.api_client import ApiReply

_CREATED_MS = 1
HEADER = "Idempotency-Key"
REPLAYED = "idempotent-replayed"


async def own_account(customer: Customer, **details: object) -> str:
    """Gives the application an account of its own; returns its id."""
    account_id = f"t{secrets.token_hex(6)}"
    values = {"account_id": account_id, "name": "test", "prefix": "ZZ", "currency": "SGD"}
    account = Account(**{**values, "created_ms": _CREATED_MS, **details})  # type: ignore[arg-type]
    store = await Store.open(customer.server.data)
    await store.add_account(account)
    await store.close()
    move(customer, account_id)
    return account_id


def move(customer: Customer, account_id: str) -> None:
    """The application belongs to this account from now on."""
    query = "UPDATE applications SET account_id = ? WHERE app_id = ?"
    rows(customer.server, query, account_id, customer.app_id)


async def add_calls(server: Onhook, calls: Iterable[CallRecord]) -> None:
    """Stores calls as if they had been made."""
    store = await Store.open(server.data)
    await store.submit(Writes(calls=tuple(calls)))
    await store.close()


async def once(
    customer: Customer, path: str, key: str, method: str = "POST", **params: str
) -> ApiReply:
    """One request with an idempotency key in its header."""
    async with customer.api as api:
        return await api.request(method, path, dict(params), headers={HEADER: key})


def replayed(reply: ApiReply) -> bool:
    """Whether the reply says that it was given before."""
    return reply.headers.get(REPLAYED) == "true"
