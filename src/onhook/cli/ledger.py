"""What the commands about accounts and their money do; a server may be running meanwhile."""

import re
import secrets
import time
import zoneinfo
from dataclasses import replace
from pathlib import Path

from onhook import numbers
from onhook.billing import MoneyError, amount, exact, from_micros, micros
from onhook.cli.accounts import ensure_main_account
from onhook.cli.errors import CommandError
from onhook.cli.opening import opened
from onhook.server.settings import Settings
from onhook.store import Account, LedgerEntry, Store

ENTRIES_SHOWN = 20

_ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,15}", re.ASCII)
_PREFIX = re.compile(r"[A-Z]{2,4}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_TEXT_MAX = 200

Shown = dict[str, object]


async def create_account(
    settings: Settings, account_id: str, *, trial: bool = False, **given: str | None
) -> Shown:
    """Creates an account, which is on ``trial`` until it is credited. ``given``: name, currency, prefix,
    mobile_number, email, country and time_zone; what is None has a default."""
    account = _account(account_id, settings.currency, {k: v for k, v in given.items() if v})
    if trial and not account.mobile_number:
        raise CommandError(
            "An account on trial calls its registered number only; give it one with --mobile-number."
        )
    account = replace(account, trial=trial)
    async with opened(settings.data, _url(settings)) as (store, _):
        if not await store.add_account(account):
            raise CommandError(f"The account {account_id} is there already.")
        rates = await store.money.rates()
    if not any(rate.currency == account.currency for rate in rates):
        return shown(account) | {"rate": exact(settings.rate)}
    return shown(account)


async def list_accounts(data: Path, database_url: str | None = None) -> list[Shown]:
    """Every account with its balance of now; the account `main` is made if it is not there."""
    async with opened(data, database_url) as (store, _):
        await ensure_main_account(store)
        return [shown(account) for account in await store.money.accounts()]


async def show_account(data: Path, account_id: str, database_url: str | None = None) -> Shown:
    """An account with its newest ledger entries."""
    async with opened(data, database_url) as (store, _):
        account = await _known(store, account_id)
        entries = await store.money.entries(account_id, ENTRIES_SHOWN)
    details: Shown = {
        "mobile_number": account.mobile_number,
        "email": account.email,
        "country": account.country,
        "time_zone": account.time_zone,
    }
    return shown(account) | details | {"entries": [_entry(entry) for entry in entries]}


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
    try:
        value = micros(amount(amount_text))
    except MoneyError as error:
        raise CommandError(f"The amount cannot be used: {error}.") from error
    if value == 0:
        raise CommandError("The amount cannot be used: it is nothing.")
    entry = LedgerEntry(
        entry_id=f"credit:{secrets.token_hex(12)}",
        account_id=account_id,
        at_ms=_now_ms(),
        purse="bonus" if bonus else "points",
        kind="credit",
        amount_micros=value,
        session=None,
        note=_text("--note", note),
    )
    async with opened(data, database_url) as (store, _):
        await _known(store, account_id)
        await store.money.credit(entry)
        return shown(await _known(store, account_id))


def shown(account: Account) -> Shown:
    """An account as people read it."""
    return {
        "account": account.account_id,
        "name": account.name,
        "prefix": account.prefix,
        "currency": account.currency,
        "balance": _exact(account.points_micros + account.bonus_micros),
        "points": _exact(account.points_micros),
        "bonus": _exact(account.bonus_micros),
        "pays": "before" if account.prepaid else "afterwards",
        "status": "trial" if account.trial else "active",
    }


def _entry(entry: LedgerEntry) -> dict[str, str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.at_ms / 1000))
    return {
        "at_utc": when,
        "kind": entry.kind,
        "purse": entry.purse,
        "amount": _exact(entry.amount_micros),
        "session": entry.session or "",
        "note": entry.note,
    }


def _exact(count: int) -> str:
    return exact(from_micros(count))


async def _known(store: Store, account_id: str) -> Account:
    await ensure_main_account(store)
    account = await store.account(account_id)
    if account is None:
        raise CommandError(f"There is no account {account_id}; see 'onhook account list'.")
    return account


def _account(account_id: str, currency: str, given: dict[str, str]) -> Account:
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise CommandError(
            f"{account_id[:40]} is not an account id: up to 16 small letters, digits, '-' and '_'."
        )
    mobile = given.get("mobile_number", "")
    number = numbers.e164(mobile) if mobile else ""
    if number is None:
        raise CommandError(f"--mobile-number is not a number in E.164: {mobile[:40]}.")
    return Account(
        account_id=account_id,
        name=_text("--name", given.get("name", account_id)),
        prefix=_fits("--prefix", _PREFIX, given.get("prefix", "AA"), "two to four capitals"),
        currency=_fits(
            "--currency", _CURRENCY, given.get("currency", currency), "an ISO 4217 code such as SGD"
        ),
        created_ms=_now_ms(),
        mobile_number=number,
        email=_fits("--email", _EMAIL, given["email"], "an address") if "email" in given else "",
        country=_fits("--country", _COUNTRY, given.get("country", "SG"), "two capitals"),
        time_zone=_time_zone(given.get("time_zone", "Asia/Singapore")),
    )


def _fits(option: str, pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise CommandError(f"{option} is not {what}: {text[:40]}.")
    return text


def _text(option: str, text: str) -> str:
    if len(text) > _TEXT_MAX or not text.isprintable():
        raise CommandError(f"{option} is longer than {_TEXT_MAX} characters or cannot be printed.")
    return text


def _time_zone(name: str) -> str:
    if name not in (zoneinfo.available_timezones() or {name}):
        raise CommandError(f"--time-zone is none that the IANA names: {name[:40]}.")
    return name


def _url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def _now_ms() -> int:
    return round(time.time() * 1000)
