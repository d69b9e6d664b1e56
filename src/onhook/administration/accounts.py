"""Accounts and their money; a server may be running meanwhile.

``currency`` is that of the account ``main``, which is made where there is none yet.
"""

import re
import secrets
import time
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import replace

from onhook import numbers
from onhook.administration.applications import ensure_main_account
from onhook.administration.errors import Note, NotPossible
from onhook.billing import MoneyError, amount, exact, from_micros, micros
from onhook.store import MAIN_ACCOUNT, Account, LedgerEntry, Store
from onhook.store.accounts import change_account, remove_account

ENTRIES_SHOWN = 20

_ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,15}", re.ASCII)
_PREFIX = re.compile(r"[A-Z]{2,4}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_TEXT_MAX = 200

Shown = dict[str, object]


async def create(
    store: Store,
    note: Note,
    account_id: str,
    *,
    currency: str,
    trial: bool,
    given: Mapping[str, str],
) -> Account:
    """An account, which is on ``trial`` until it is credited. ``given``: name, currency, prefix,
    mobile_number, email, country and time_zone; what is not there has a default."""
    account = _account(account_id, currency, given)
    if trial and not account.mobile_number:
        raise NotPossible(
            "An account on trial calls its registered number only; give it one with --mobile-number."
        )
    account = replace(account, trial=trial)
    if not await store.add_account(account, note("account create", account_id, "")):
        raise NotPossible(f"The account {account_id} is there already.")
    return account


async def listed(store: Store, currency: str) -> list[Shown]:
    """Every account with its balance of now."""
    await ensure_main_account(store, currency)
    return [shown(account) for account in await store.money.accounts()]


async def details(store: Store, account_id: str, currency: str) -> Shown:
    """An account with its newest ledger entries. Raises :class:`NotPossible`."""
    account = await _known(store, account_id, currency)
    entries = await store.money.entries(account_id, ENTRIES_SHOWN)
    more: Shown = {
        "mobile_number": account.mobile_number,
        "email": account.email,
        "country": account.country,
        "time_zone": account.time_zone,
    }
    return shown(account) | more | {"entries": [_entry(entry) for entry in entries]}


async def change(
    store: Store, note: Note, account_id: str, currency: str, given: Mapping[str, str]
) -> Shown:
    """Changes name, mobile_number, email, country or time_zone of an account. Raises
    :class:`NotPossible`."""
    changes = _details(given)
    await _known(store, account_id, currency)
    said = note("account set", account_id, ", ".join(sorted(changes)))
    await change_account(store, account_id, changes, said)
    return shown(await _known(store, account_id, currency))


async def remove(store: Store, note: Note, account_id: str, currency: str) -> None:
    """Takes away an account that was never used. Raises :class:`NotPossible`."""
    await _known(store, account_id, currency)
    said = note("account remove", account_id, "")
    if account_id == MAIN_ACCOUNT or not await remove_account(store, account_id, said):
        raise NotPossible(
            f"The account {account_id} stays: it has, or had, applications, calls or ledger entries, "
            "which refer to it, or is the one of whoever names none."
        )


async def credit(
    store: Store,
    noted: Note,
    account_id: str,
    amount_text: str,
    currency: str,
    *,
    bonus: bool = False,
    note: str = "",
) -> Shown:
    """Adds to an account's points, or to its bonus; from then on it is prepaid. Returns the account. Raises
    :class:`NotPossible`."""
    try:
        value = micros(amount(amount_text))
    except MoneyError as error:
        raise NotPossible(f"The amount cannot be used: {error}.") from error
    if value == 0:
        raise NotPossible("The amount cannot be used: it is nothing.")
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
    await _known(store, account_id, currency)
    said = noted("account credit", account_id, f"{_exact(value)} to {entry.purse}")
    await store.money.credit(entry, said)
    return shown(await _known(store, account_id, currency))


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


async def _known(store: Store, account_id: str, currency: str) -> Account:
    await ensure_main_account(store, currency)
    account = await store.account(account_id)
    if account is None:
        raise NotPossible(f"There is no account {account_id}; see 'onhook account list'.")
    return account


def _account(account_id: str, currency: str, given: Mapping[str, str]) -> Account:
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise NotPossible(
            f"{account_id[:40]} is not an account id: up to 16 small letters, digits, '-' and '_'."
        )
    details = _details(given)
    return Account(
        account_id=account_id,
        name=details.get("name", account_id),
        prefix=_fits("--prefix", _PREFIX, given.get("prefix", "AA"), "two to four capitals"),
        currency=_fits(
            "--currency", _CURRENCY, given.get("currency", currency), "an ISO 4217 code such as SGD"
        ),
        created_ms=_now_ms(),
        mobile_number=details.get("mobile_number", ""),
        email=details.get("email", ""),
        country=details.get("country", "SG"),
        time_zone=details.get("time_zone", "Asia/Singapore"),
    )


def _details(given: Mapping[str, str]) -> dict[str, str]:
    """Those of what is given that can be changed later, checked."""
    checks: Mapping[str, Callable[[str], str]] = {
        "name": lambda text: _text("--name", text),
        "mobile_number": _mobile_number,
        "email": lambda text: _fits("--email", _EMAIL, text, "an address"),
        "country": lambda text: _fits("--country", _COUNTRY, text, "two capitals"),
        "time_zone": _time_zone,
    }
    return {name: check(given[name]) for name, check in checks.items() if name in given}


def _mobile_number(text: str) -> str:
    number = numbers.e164(text)
    if number is None:
        raise NotPossible(f"--mobile-number is not a number in E.164: {text[:40]}.")
    return number


def _fits(option: str, pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise NotPossible(f"{option} is not {what}: {text[:40]}.")
    return text


def _text(option: str, text: str) -> str:
    if len(text) > _TEXT_MAX or not text.isprintable():
        raise NotPossible(f"{option} is longer than {_TEXT_MAX} characters or cannot be printed.")
    return text


def _time_zone(name: str) -> str:
    if name not in (zoneinfo.available_timezones() or {name}):
        raise NotPossible(f"--time-zone is none that the IANA names: {name[:40]}.")
    return name


def _now_ms() -> int:
    return round(time.time() * 1000)
