"""Connections that one process leaves to the next: what has to be known of each beside its descriptor. Pure.

A connection in the clear is its descriptor. Of one with TLS nobody else can have the keys: the process that
agreed on them stays, and relays it (`relay`); what the next one gets is the other end of that.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from onhook.phone.addresses import TcpAddress, listed, unlisted
from onhook.phone.tls.session import TlsSession


@dataclass(frozen=True, slots=True)
class Left:
    """A connection as it is at the boundary between two messages."""

    peer: TcpAddress
    accepted: bool
    """Whether the peer made it."""
    stranger: bool
    proven: bool
    pings: bool
    """Whether the peer answers pings."""
    local_port: int
    unread: bytes
    """What has come of it that is not a message yet, or was not looked at."""

    def as_dict(self) -> dict[str, object]:
        """As JSON can hold it."""
        return {
            "peer": listed(self.peer),
            "accepted": self.accepted,
            "stranger": self.stranger,
            "proven": self.proven,
            "pings": self.pings,
            "local_port": self.local_port,
            "unread": base64.b64encode(self.unread).decode(),
        }

    @classmethod
    def from_dict(cls, data: object) -> "Left":
        """The reverse of `as_dict`. Raises ValueError for anything else, as another version may say."""
        match data:
            case {
                "peer": listed_peer,
                "accepted": bool(accepted),
                "stranger": bool(stranger),
                "proven": bool(proven),
                "pings": bool(pings),
                "local_port": int(local_port),
                "unread": str(text),
            }:
                peer = unlisted(listed_peer)
                if isinstance(peer, TcpAddress):
                    unread = _bytes(text)
                    return cls(peer, accepted, stranger, proven, pings, local_port, unread)
        raise ValueError("not a connection that was left")


class Relayed(NamedTuple):
    """A connection with TLS and the end of it that its relay has, in the clear; both descriptors."""

    session: TlsSession
    secured: int
    plain: int


class Passed(NamedTuple):
    """All connections of an endpoint, for the next process and for the relay."""

    on: list[tuple[int, Mapping[str, object]]]
    """Descriptors, and what is to be said of each."""
    relayed: list[Relayed]


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not a connection that was left") from error
