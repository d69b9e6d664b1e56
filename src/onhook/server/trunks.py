"""The ways out as calls take them: which trunks lead to a number. Pure, but for the log."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from onhook.phone.trunk import Trunk
from onhook.store import Keyring, KeyringError, TrunkRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WayOut:
    """A trunk with its name, the digits that its numbers begin with, and the number it shows where
    the account has none (E.164, or empty)."""

    name: str
    trunk: Trunk
    prefix: str = ""
    caller_id: str = ""


def ways_out(records: Sequence[TrunkRecord], keyring: Keyring) -> tuple[WayOut, ...]:
    """The trunks in the order of the records; one that cannot be used is logged and left out."""
    return tuple(way for record in records if (way := _usable(record, keyring)) is not None)


def leading_to(ways: Sequence[WayOut], number: str) -> tuple[WayOut, ...]:
    """The trunks that a call to ``number`` (E.164) tries, in this order: those with the longest prefix
    that it begins with.

    Shorter prefixes are not tried after them: who gave a country a trunk of its own decided that its
    calls go there, for what they cost, or for what the trunk is allowed to carry.
    """
    digits = number.removeprefix("+")
    fitting = [way for way in ways if digits.startswith(way.prefix)]
    longest = max((len(way.prefix) for way in fitting), default=0)
    return tuple(way for way in fitting if len(way.prefix) == longest)


def _usable(record: TrunkRecord, keyring: Keyring) -> WayOut | None:
    try:
        encrypted = record.password_encrypted
        trunk = Trunk(
            host=record.proxy_host,
            port=record.proxy_port,
            transport="tcp" if record.transport == "tcp" else "udp",
            username=record.username,
            password=keyring.decrypt(encrypted) if encrypted else "",
        )
    except (KeyringError, ValueError) as error:
        log.error("trunk_unusable", trunk=record.name, reason=str(error))
        return None
    return WayOut(record.name, trunk, record.prefix, record.caller_id)
