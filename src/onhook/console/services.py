"""What pages are made from: handed to the console by the process that it is part of."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from onhook.calls.recordings.store import RecordingStore
from onhook.calls.register import CallRegister
from onhook.store import Keyring, Store


@dataclass(frozen=True, slots=True)
class ServerState:
    """How the server is, in a word and in sentences."""

    word: str
    """``ready``, ``degraded`` or ``draining``."""
    failing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Services:
    """What there is of the server for pages to show and to change."""

    store: Store
    keyring: Keyring
    register: CallRegister
    """The calls of this process that go on."""
    recordings: RecordingStore
    data: Path
    """The data directory."""
    worker: str
    version: str
    public_url: str
    """Where browsers reach the server, if that was told; else empty."""
    trusted_proxies: Sequence[IPv4Network | IPv6Network]
    """Whose ``X-Forwarded-…`` headers are believed."""
    state: Callable[[], Awaitable[ServerState]]
    currency: str
    """Of accounts that name none."""
    limits: Sequence[tuple[str, str]]
    """Settings that bound what applications may do: what each is about, and its value."""
