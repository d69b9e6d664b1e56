"""What the command does to the data directory; a server may be running on it meanwhile."""

import time
from pathlib import Path

from onhook import numbers
from onhook.cli.applications import owner_of
from onhook.cli.errors import CommandError
from onhook.cli.opening import opened
from onhook.numbers import E164
from onhook.server.settings import load
from onhook.store import (
    MAIN_ACCOUNT,
    Account,
    Application,
    Number,
    Store,
)
from onhook.store.keyring import new_credential, new_webhook_secret, token_hash
from onhook.urls import UrlRefused, parse


async def create_application(
    data: Path,
    name: str,
    account_id: str = MAIN_ACCOUNT,
    *,
    form: str = "form",
    database_url: str | None = None,
) -> dict[str, str]:
    """Creates an application, whose notifications have the ``form`` of ``form`` or ``json``.

    Returns its app_id, access_token and webhook_secret.
    """
    async with opened(data, database_url) as (store, keyring):
        await ensure_main_account(store)
        if await store.account(account_id) is None:
            raise CommandError(f"There is no account {account_id}; see 'onhook account create'.")
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
            )
        )
        return {"app_id": app_id, "access_token": token, "webhook_secret": secret}


async def add_number(
    data: Path,
    number: str,
    app_id: str,
    forward_to: str,
    *,
    form: str = "",
    media: bool = False,
    database_url: str | None = None,
) -> dict[str, str]:
    """Gives a number to an application; its calls are told in this ``form``, or in the application's, and
    with the quality of their ``media`` or without."""
    e164 = _e164(number)
    try:
        parse(forward_to)
    except UrlRefused as error:
        raise CommandError(f"--forward-to cannot be used: {error.detail}.") from error
    async with opened(data, database_url) as (store, _):
        application = await store.application(app_id)
        if application is None or application.removed_ms is not None:
            raise CommandError(f"There is no application {app_id}; see 'onhook app list'.")
        if not await store.add_number(Number(e164, app_id, forward_to, _now_ms(), form, media)):
            owner = await owner_of(store, e164)
            raise CommandError(
                f"The number {e164} is taken already, by application {owner}; choose another, or first "
                f"'onhook number remove {e164}'."
            )
    return {"number": e164, "app_id": app_id, "forward_to": forward_to}


async def ensure_main_account(store: Store) -> None:
    """Whoever first looks for an account finds ``main``."""
    if await store.account(MAIN_ACCOUNT) is None:
        currency = load().currency
        await store.add_account(Account(MAIN_ACCOUNT, MAIN_ACCOUNT, "AA", currency, _now_ms()))


def _e164(text: str) -> E164:
    number = numbers.e164(text) if numbers.says_country(text) else None
    if number is None:
        raise CommandError(f"{text} is not a phone number in E.164, such as +6531234567.")
    if not numbers.is_possible(number):
        raise CommandError(f"{text} has too many or too few digits for its country.")
    return numbers.in_plan(number)


def _now_ms() -> int:
    return round(time.time() * 1000)
