"""Applications: what can be made, changed and taken away of them; a running server takes it over within a
second."""

import time
from collections.abc import Sequence

from onhook.administration.errors import Note, NotPossible
from onhook.administration.tokens import known, shown_tokens
from onhook.store import MAIN_ACCOUNT, Account, Application, Keyring, Store
from onhook.store.applications import all_applications, change_application, mark_removed
from onhook.store.keyring import new_credential, new_webhook_secret, token_hash
from onhook.store.numbers import all_numbers, numbers_of_application

Shown = dict[str, object]


async def create(
    store: Store,
    keyring: Keyring,
    note: Note,
    name: str,
    account_id: str = MAIN_ACCOUNT,
    *,
    form: str = "form",
    detail: str = "none",
    currency: str,
) -> dict[str, str]:
    """A new application, whose notifications have the ``form`` of ``form`` or ``json``, and say why its calls
    ended where ``detail`` is ``why``: its app_id, access_token and webhook_secret. Raises
    :class:`NotPossible`."""
    await ensure_main_account(store, currency)
    if await store.account(account_id) is None:
        raise NotPossible(f"There is no account {account_id}; see 'onhook account create'.")
    app_id, token, secret = new_credential(), new_credential(), new_webhook_secret()
    await store.add_application(
        Application(
            app_id=app_id,
            name=name,
            token_hash=token_hash(token),
            token_encrypted=keyring.encrypt(token),
            webhook_secret_encrypted=keyring.encrypt(secret),
            created_ms=_now_ms(),
            account_id=account_id,
            format=form,
            detail=detail,
        ),
        note("app create", app_id, f"account {account_id}"),
    )
    return {"app_id": app_id, "access_token": token, "webhook_secret": secret}


async def listed(store: Store) -> list[Shown]:
    """Every application with its numbers, the oldest first; secrets are not shown."""
    owned = await all_numbers(store)
    return [
        _shown(one, [number.number for number in owned if number.app_id == one.app_id])
        for one in await all_applications(store)
    ]


async def shown(store: Store, app_id: str) -> Shown:
    """An application with its numbers and the names of its tokens. Raises :class:`NotPossible`."""
    one = await known(store, app_id)
    numbers = [each.number for each in await numbers_of_application(store, app_id)]
    found = _shown(one, numbers)
    created = found.pop("created_ms")
    return found | {"tokens": await shown_tokens(store, one), "created_ms": created}


def _shown(one: Application, numbers: Sequence[str]) -> Shown:
    return {
        "app_id": one.app_id,
        "name": one.name,
        "account": one.account_id,
        "format": one.format,
        "detail": one.detail,
        "numbers": list(numbers),
        "created_ms": one.created_ms,
    }


async def update(
    store: Store,
    note: Note,
    app_id: str,
    form: str | None,
    name: str | None = None,
    detail: str | None = None,
) -> None:
    """Its calls are told in this form from now on; it has another name; it is told why they ended (``why``)
    or not (``none``). None leaves it as it is. Raises :class:`NotPossible`."""
    await known(store, app_id)
    asked = {"format": form, "detail": detail, "name": name}
    changes = {column: value for column, value in asked.items() if value is not None}
    said = [one if one == "name" else f"{one} {value}" for one, value in changes.items()]
    noted = note("app update", app_id, ", ".join(said))
    if changes and not await change_application(store, app_id, changes, noted):
        raise NotPossible(f"There is no application {app_id[:40]!r}; see 'onhook app list'.")


async def remove(store: Store, note: Note, app_id: str) -> None:
    """Its token opens nothing any more. Raises :class:`NotPossible`, also while it has numbers."""
    owned = [one.number for one in await all_numbers(store) if one.app_id == app_id]
    if owned:
        raise NotPossible(
            f"The application {app_id} has numbers: {', '.join(owned[:8])}; first remove each with "
            "'onhook number remove'."
        )
    if not await mark_removed(store, app_id, _now_ms(), note("app remove", app_id, "")):
        raise NotPossible(f"There is no application {app_id[:40]!r}; see 'onhook app list'.")


async def ensure_main_account(store: Store, currency: str) -> None:
    """Whoever first looks for an account finds ``main``."""
    if await store.account(MAIN_ACCOUNT) is None:
        await store.add_account(Account(MAIN_ACCOUNT, MAIN_ACCOUNT, "AA", currency, _now_ms()))


def _now_ms() -> int:
    return round(time.time() * 1000)
