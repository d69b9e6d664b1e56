"""Trunks: what can be made and changed of them; a running server takes a change over within a second."""

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from onhook import numbers
from onhook.administration.errors import Note, NotPossible
from onhook.administration.trunk_options import OPTIONS, OptionRefused, read
from onhook.calls.trunks import trunk_of
from onhook.phone.trunks.checks import FieldRefused, plain_host_port
from onhook.store import Keyring, KeyringError, Store, TrunkRecord
from onhook.store.trunks import add_trunk, all_trunks, remove_trunk, update_trunk

_LATCHINGS = ("signalled", "any")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
_PREFIX = re.compile(r"[0-9]{0,15}", re.ASCII)
_OPTION_OF = {
    "host": "proxy",
    "port": "proxy",
    "headers": "header",
    "ping_s": "ping",
    "keepalive_s": "keepalive",
}
"""Which option a field of a trunk comes from, where it has another name."""


async def add(
    store: Store, keyring: Keyring, note: Note, name: str, options: Mapping[str, object]
) -> TrunkRecord:
    """Adds a trunk, its password encrypted. Raises :class:`NotPossible`."""
    check_name(name)
    try:
        made = changed(new(name), options, keyring)
    except OptionRefused as error:
        raise NotPossible(said_by(error)) from None
    if not await add_trunk(store, made, note("trunk add", name, "")):
        raise NotPossible(
            f"There is a trunk {name} already; choose another name, change it by "
            f"'onhook trunk set {name}', or first 'onhook trunk remove {name}'."
        )
    return made


async def change(
    store: Store, keyring: Keyring, note: Note, name: str, options: Mapping[str, object]
) -> TrunkRecord:
    """Changes the options that are given of a trunk. Raises :class:`NotPossible`."""
    if not options:
        raise NotPossible(
            "Nothing is to be changed: see 'onhook trunk set --help' for the options."
        )
    before = await found(store, name)
    try:
        after = changed(before, options, keyring)
    except OptionRefused as error:
        raise NotPossible(said_by(error)) from None
    said = note("trunk set", name, ", ".join(sorted(options)))
    if not await update_trunk(store, before, after, said):
        raise unknown(name)
    return after


async def remove(store: Store, note: Note, name: str) -> None:
    """Removes a trunk; calls that took it go on. Raises :class:`NotPossible`."""
    if not await remove_trunk(store, name, note("trunk remove", name, "")):
        raise unknown(name)


async def found(store: Store, name: str) -> TrunkRecord:
    """The trunk of this name. Raises :class:`NotPossible`."""
    for one in await all_trunks(store):
        if one.name == name:
            return one
    raise unknown(name)


def new(name: str, later_ms: int = 0) -> TrunkRecord:
    """A trunk of which nothing is known yet."""
    return TrunkRecord(name, "", 0, created_ms=round(time.time() * 1000) + later_ms)


def changed(record: TrunkRecord, options: Mapping[str, object], keyring: Keyring) -> TrunkRecord:
    """The trunk with these options, checked as a whole. Raises :class:`OptionRefused`."""
    values: dict[str, Any] = {}
    for name, given in options.items():
        values |= _fields(name, read(name, given), keyring)
    if values.get("username") == "":
        values = {"password_encrypted": "", "auth_user": "", **values}
    after = replace(record, **values)
    if not after.proxy_host:
        raise OptionRefused("proxy", "is missing: HOST or HOST:PORT of the SIP proxy")
    try:
        trunk = trunk_of(after, keyring)
    except FieldRefused as error:
        raise OptionRefused(_OPTION_OF.get(error.field, error.field), error.why) from None
    except KeyringError as error:
        raise NotPossible(str(error)) from error
    for name in ("ca_file", "client_cert", "client_key"):
        if name in options:
            _check_file(name, getattr(trunk, name), trunk.client_cert)
    return after


def said_by(refused: OptionRefused) -> str:
    """What is wrong with an option, as the command line calls it."""
    return f"{OPTIONS[refused.option].flag} {refused.why}."


def warning(trunk: TrunkRecord) -> str:
    """What an operator would want to know of a trunk that can be used; empty if there is nothing."""
    if trunk.srtp != "off" and trunk.transport != "tls":
        return (
            f"{trunk.name}: the keys of --srtp stand in the signalling, which --transport "
            f"{trunk.transport} does not encrypt."
        )
    return ""


def check_name(name: str) -> None:
    """Raises :class:`NotPossible`."""
    if not _NAME.fullmatch(name):
        raise NotPossible(
            f"{name[:40]!r} is not a name for a trunk: up to 40 letters, digits, '.', '_', '-'."
        )


def _fields(name: str, value: Any, keyring: Keyring) -> dict[str, Any]:
    """What the record keeps of an option."""
    match name:
        case "proxy":
            return _proxy(value)
        case "prefix":
            return {name: _prefix(value)}
        case "caller_id":
            return {name: _caller_id(value)}
        case "password":
            return {"password_encrypted": _encrypted(keyring, value)}
        case "rtp_latching" if value not in _LATCHINGS:
            raise OptionRefused(name, f"is neither signalled nor any: {value[:40]!r}")
        case _ if OPTIONS[name].kind == "file":
            return {name: str(Path(value).absolute()) if value else ""}
    return {OPTIONS[name].field or name: value}


def _proxy(text: str) -> dict[str, Any]:
    try:
        host, port, _ = plain_host_port(text)
    except ValueError as error:
        raise OptionRefused("proxy", f"{error}: {text[:80]!r}") from None
    return {"proxy_host": host.lower(), "proxy_port": port or 0}


def _prefix(text: str) -> str:
    digits = "" if text == "*" else text.removeprefix("+")
    if not _PREFIX.fullmatch(digits) or digits.startswith("0"):
        why = f"is not how a number in E.164 begins, such as +65, or * for all: {text[:40]!r}"
        raise OptionRefused("prefix", why)
    return digits


def _caller_id(text: str) -> str:
    number = numbers.e164(text) if text else ""
    if number is None:
        why = f"is not a number in E.164, such as +6531234567: {text[:40]!r}"
        raise OptionRefused("caller_id", why)
    return number


def _encrypted(keyring: Keyring, password: str) -> str:
    return keyring.encrypt(password) if password else ""


def _check_file(option: str, path: str, client_cert: str) -> None:
    """A PEM file that TLS can use."""
    if not path:
        return
    try:
        if option == "ca_file":
            ssl.create_default_context(cafile=path)
        elif option == "client_key":
            ssl.create_default_context().load_cert_chain(client_cert, path)
        else:
            Path(path).read_bytes()
    except ssl.SSLError as error:
        why = f"is no PEM file that TLS can use: {path}: {error.reason or error}"
        raise OptionRefused(option, why) from None
    except OSError as error:
        raise OptionRefused(option, f"cannot be read: {path}: {error.strerror}") from None


def unknown(name: str) -> NotPossible:
    """What is answered where there is none of this name."""
    return NotPossible(f"There is no trunk {name[:40]!r}; see 'onhook trunk list'.")
