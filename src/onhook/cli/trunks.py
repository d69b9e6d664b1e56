"""What the commands about trunks do; a running server takes a change over within a second."""

import ipaddress
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from onhook import numbers
from onhook.calls.trunks import Unusable, way_out
from onhook.cli.errors import CommandError
from onhook.cli.opening import opened
from onhook.store import Keyring, TrunkRecord
from onhook.store.trunks import add_trunk, all_trunks, remove_trunk

SIP_PORT = 5060
"""Where SIP is, unless somebody says otherwise (RFC 3261, 19.1.2)."""

_TRANSPORTS = ("udp", "tcp")
_LATCHINGS = ("signalled", "any")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
_LABEL = re.compile(r"(?![-_])[A-Za-z0-9_-]{1,63}(?<![-_])", re.ASCII)
_LONGEST_HOST = 253
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_PREFIX = re.compile(r"[0-9]{0,15}", re.ASCII)
_LONGEST_SECRET = 200

Shown = dict[str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """A trunk as it was written on the command line."""

    name: str
    proxy: str
    transport: str = "udp"
    username: str = ""
    password: str = field(default="", repr=False)
    prefix: str = "*"
    caller_id: str = ""
    rtp_latching: str = "signalled"


async def add(data: Path, given: Given, database_url: str | None = None) -> Shown:
    """Adds a trunk, its password encrypted; what is shown has none. Raises :class:`CommandError`."""
    _check(given)
    host, port = _proxy(given.proxy)
    prefix, caller_id = _prefix(given.prefix), _caller_id(given.caller_id)
    async with opened(data, database_url) as (store, keyring):
        made = TrunkRecord(
            name=given.name,
            proxy_host=host,
            proxy_port=port,
            created_ms=round(time.time() * 1000),
            transport=given.transport,
            username=given.username,
            password_encrypted=_encrypted(keyring, given.password),
            prefix=prefix,
            caller_id=caller_id,
            rtp_latching=given.rtp_latching,
        )
        usable = way_out(made, keyring)
        if isinstance(usable, Unusable):
            raise CommandError(f"The trunk could not be used: {usable.reason}.")
        if not await add_trunk(store, made):
            raise CommandError(
                f"There is a trunk {given.name} already; "
                f"choose another name, or first 'onhook trunk remove {given.name}'."
            )
    return shown(made)


async def list_all(data: Path, database_url: str | None = None) -> list[Shown]:
    """Every trunk; those of one prefix in the order in which they are tried."""
    async with opened(data, database_url) as (store, _):
        return [shown(trunk) for trunk in await all_trunks(store)]


async def remove(data: Path, name: str, database_url: str | None = None) -> None:
    """Removes a trunk; calls that took it go on. Raises :class:`CommandError`."""
    async with opened(data, database_url) as (store, _):
        if not await remove_trunk(store, name):
            raise CommandError(f"There is no trunk {name[:40]!r}; see 'onhook trunk list'.")


def shown(trunk: TrunkRecord) -> Shown:
    """A trunk as people read it, without its password; an empty prefix is ``*``."""
    return {
        "trunk": trunk.name,
        "prefix": f"+{trunk.prefix}" if trunk.prefix else "*",
        "proxy": f"{trunk.proxy_host}:{trunk.proxy_port}",
        "transport": trunk.transport,
        "username": trunk.username,
        "caller_id": trunk.caller_id,
        "rtp_latching": trunk.rtp_latching,
    }


def _check(given: Given) -> None:
    """Everything that is taken as it is."""
    if not _NAME.fullmatch(given.name):
        raise CommandError(
            f"{given.name[:40]!r} is not a name for a trunk: up to 40 letters, digits, '.', '_', '-'."
        )
    if given.transport not in _TRANSPORTS:
        raise CommandError(f"--transport is neither udp nor tcp: {given.transport[:40]!r}.")
    if given.rtp_latching not in _LATCHINGS:
        raise CommandError(
            f"--rtp-latching is neither signalled nor any: {given.rtp_latching[:40]!r}."
        )
    for option, text in (("--username", given.username), ("The password", given.password)):
        if len(text) > _LONGEST_SECRET or not text.isprintable():
            raise CommandError(
                f"{option} is longer than {_LONGEST_SECRET} characters or cannot be printed."
            )
    if given.password and not given.username:
        raise CommandError("A password needs a --username that it belongs to.")


def _proxy(text: str) -> tuple[str, int]:
    """``HOST:PORT``, or a host alone; the host is a name or an IPv4 address."""
    host, colon, port = text.partition(":")
    if ":" in port:
        raise CommandError(f"--proxy cannot be an IPv6 address yet: {text[:80]!r}.")
    if colon and not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        raise CommandError(f"--proxy has no port from 1 to 65535: {text[:80]!r}.")
    if not _is_host(host):
        raise CommandError(
            f"--proxy is not HOST:PORT, such as sip.example.com:{SIP_PORT}: {text[:80]!r}."
        )
    return host.lower(), int(port) if colon else SIP_PORT


def _is_host(text: str) -> bool:
    """A host name, or an IPv4 address; what ends with a number has to be an address."""
    labels = text.split(".")
    if labels[-1].isdigit():
        try:
            return ipaddress.ip_address(text).version == 4
        except ValueError:
            return False
    return len(text) <= _LONGEST_HOST and all(_LABEL.fullmatch(label) for label in labels)


def _prefix(text: str) -> str:
    digits = "" if text == "*" else text.removeprefix("+")
    if not _PREFIX.fullmatch(digits) or digits.startswith("0"):
        raise CommandError(
            f"--prefix is not how a number in E.164 begins, such as +65, or * for all: {text[:40]!r}."
        )
    return digits


def _caller_id(text: str) -> str:
    number = numbers.e164(text) if text else ""
    if number is None:
        raise CommandError(
            f"--caller-id is not a number in E.164, such as +6531234567: {text[:40]!r}."
        )
    return number


def _encrypted(keyring: Keyring, password: str) -> str:
    return keyring.encrypt(password) if password else ""
