"""The parameters of the account and status endpoints, each read or refused. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from onhook import numbers, urls
from onhook.blocks import Refused
from onhook.calls.clock import SINGAPORE
from onhook.numbers import E164
from onhook.urls import UrlRefused, WebUrl

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_PAGE = re.compile(r"[1-9][0-9]{0,8}")
VOICE = "voice"
"""The mode of every number."""


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment until before another, milliseconds since the epoch; None is open."""

    from_ms: int | None
    until_ms: int | None


def period(given: Mapping[str, str]) -> Period:
    """What ``from`` and ``to`` say; ``to`` is not within. Raises :class:`Refused`."""
    from_ms = _date_ms(given.get("from"), "error_from_invalid")
    to_ms = _date_ms(given.get("to"), "error_to_invalid")
    if from_ms is not None and to_ms is not None and to_ms < from_ms:
        raise Refused("error_to_before_from")
    return Period(from_ms, to_ms)


def page(given: Mapping[str, str]) -> int:
    """Which page, from 1. Raises :class:`Refused`."""
    text = given.get("page") or "1"
    if not _PAGE.fullmatch(text):
        raise Refused("error_page_invalid")
    return int(text)


def number(given: Mapping[str, str], name: str) -> E164:
    """A phone number in E.164. Raises :class:`Refused`."""
    found = numbers.e164(given[name])
    if found is None:
        raise Refused(f"error_{name}_invalid")
    return found


def forward_to(given: Mapping[str, str]) -> WebUrl | None:
    """A URL that can be told of calls; None without one. Raises :class:`Refused`."""
    url = given.get("forward_to")
    if not url:
        return None
    try:
        return urls.parse(url)
    except UrlRefused as error:
        detail = f"forward_to cannot be used: {error.detail}."
        raise Refused("error_forward_to_invalid", detail) from error


def only_voice(given: Mapping[str, str]) -> None:
    """Numbers are for calls. Raises :class:`Refused` where text messages or faxes are asked for."""
    if given.get("forward_sms_to"):
        raise Refused("error_incoming_sms_not_supported")
    if given.get("mode", "") not in ("", VOICE):
        raise Refused("error_mode_invalid")


def _date_ms(text: str | None, status: str) -> int | None:
    """A moment as the API writes it, ``YYYY-MM-DD HH:mm:SS`` in GMT+8."""
    if not text:
        return None
    match = _DATE.fullmatch(text)
    if match is None:
        raise Refused(status)
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=SINGAPORE)
    except ValueError:
        raise Refused(status) from None
    return round(moment.timestamp()) * 1000
