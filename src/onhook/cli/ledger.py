"""What the commands about accounts and their money do, by the rules of `onhook.administration.accounts`."""

from pathlib import Path

from onhook.administration import accounts
from onhook.administration.accounts import Shown, shown
from onhook.billing import exact
from onhook.cli import noting
from onhook.cli.opening import opened
from onhook.server.settings import Settings, load


async def create_account(
    settings: Settings, account_id: str, *, trial: bool = False, **given: str | None
) -> Shown:
    """Creates an account, which is on ``trial`` until it is credited. ``given``: name, currency, prefix,
    mobile_number, email, country and time_zone; what is None has a default."""
    said = {name: text for name, text in given.items() if text}
    async with opened(settings.data, settings.database_url.get_secret_value()) as (store, _):
        account = await accounts.create(
            store, noting.note, account_id, currency=settings.currency, trial=trial, given=said
        )
        rates = await store.money.rates()
    if not any(rate.currency == account.currency for rate in rates):
        return shown(account) | {"rate": exact(settings.rate)}
    return shown(account)


async def list_accounts(data: Path, database_url: str | None = None) -> list[Shown]:
    """Every account with its balance of now; the account `main` is made if it is not there."""
    async with opened(data, database_url) as (store, _):
        return await accounts.listed(store, load().currency)


async def show_account(data: Path, account_id: str, database_url: str | None = None) -> Shown:
    """An account with its newest ledger entries."""
    async with opened(data, database_url) as (store, _):
        return await accounts.details(store, account_id, load().currency)


async def set_account(data: Path, account_id: str, **given: str | None) -> Shown:
    """Changes name, mobile_number, email, country or time_zone of an account; None leaves one as it is."""
    said = {name: text for name, text in given.items() if text is not None}
    async with opened(data) as (store, _):
        return await accounts.change(store, noting.note, account_id, load().currency, said)


async def remove_account(data: Path, account_id: str) -> None:
    """Takes away an account that was never used. Raises :class:`CommandError`."""
    async with opened(data) as (store, _):
        await accounts.remove(store, noting.note, account_id, load().currency)


async def credit_account(
    data: Path,
    account_id: str,
    amount_text: str,
    *,
    bonus: bool = False,
    note: str = "",
    database_url: str | None = None,
) -> Shown:
    """Adds to an account's points, or to its bonus; from then on it is prepaid. Returns the account."""
    async with opened(data, database_url) as (store, _):
        return await accounts.credit(
            store, noting.note, account_id, amount_text, load().currency, bonus=bonus, note=note
        )
