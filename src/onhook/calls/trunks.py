"""The ways out as calls take them: which trunks lead to a number. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from onhook.phone.trunk import Trunk
from onhook.store import Keyring, KeyringError, TrunkRecord


@dataclass(frozen=True, slots=True)
class WayOut:
    """A trunk with its name, the digits that its numbers begin with, and the number it shows where
    the account has none (E.164, or empty)."""

    name: str
    trunk: Trunk
    prefix: str = ""
    caller_id: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A stored trunk that calls cannot take, and why."""

    name: str
    reason: str


_ALIKE = tuple(
    one.name for one in fields(Trunk) if one.name in {own.name for own in fields(TrunkRecord)}
)
"""What a record and a trunk say in the same words; the trunk checks them."""


def trunk_of(record: TrunkRecord, keyring: Keyring) -> Trunk:
    """A stored trunk. Raises KeyringError if its password cannot be read, FieldRefused if something else
    of it cannot be."""
    encrypted = record.password_encrypted
    return Trunk(
        host=record.proxy_host,
        port=record.proxy_port or None,
        password=keyring.decrypt(encrypted) if encrypted else "",
        audio_from_anywhere=record.rtp_latching == "any",
        **{name: getattr(record, name) for name in _ALIKE},
    )


def way_out(record: TrunkRecord, keyring: Keyring) -> WayOut | Unusable:
    """A stored trunk as calls take it."""
    try:
        trunk = trunk_of(record, keyring)
    except (KeyringError, ValueError) as error:
        return Unusable(record.name, str(error))
    return WayOut(record.name, trunk, record.prefix, record.caller_id)


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
