"""An account and its numbers as ``user/get_info`` and ``number/get_active`` show them. Pure."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from onhook import numbers
from onhook.api.account_params import VOICE
from onhook.blocks.destination import PRIVATE
from onhook.calls.clock import SINGAPORE
from onhook.store import Account, Number

_EXPIRES_AFTER_YEARS = 10


def info_fields(account: Account, own: Iterable[str], now: datetime) -> dict[str, object]:
    """The fields of an account; ``own`` are its numbers in E.164, ``now`` is aware of its zone.

    What the operator entered counts as verified.
    """
    registered = [account.mobile_number] if account.mobile_number else []
    return {
        "uid": account.account_id,
        "name": account.name,
        "mobile_number": account.mobile_number,
        "caller_ids": [*registered, *(one for one in own if one not in registered), PRIVATE],
        "email": account.email,
        "country": account.country,
        "prefix": numbers.calling_code(account.country),
        "currency": account.currency,
        "time_zone": _offset(account.time_zone, now) + account.country,
        "user_status": "trial" if account.trial else "active",
        "sms_rebrand_status": "disabled",
        "call_rebrand_status": "enabled",
    }


def number_fields(number: Number, today: date) -> dict[str, object]:
    """The fields of a number. It does not expire; clients want a date (reference, section 7)."""
    return {
        "number": number.number,
        "forward_to": number.forward_to,
        "forward_sms_to": "",
        "mode": VOICE,
        "expiry": _years_later(today).isoformat(),
        "auto_extend_status": "enabled",
        "country": numbers.country_of_number(number.number),
        "state": "",
        "capabilities": [VOICE.upper()],
    }


def _offset(time_zone: str, now: datetime) -> str:
    """``GMT+0800``: how far the zone is from GMT now; as Singapore's, if it is not known here."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return f"GMT{now.astimezone(SINGAPORE):%z}"
    return f"GMT{now.astimezone(zone):%z}"


def _years_later(day: date) -> date:
    """The same day in ten years; that of 29 February is the 28th, where there is none."""
    year = day.year + _EXPIRES_AFTER_YEARS
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
