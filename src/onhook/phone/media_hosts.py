"""Hosts that peers name instead of addresses for their audio, looked up off the event loop.

Only what a peer could name itself is believed (`routing.is_believable`): a name server anywhere could
otherwise have us send audio into a network of ours. The threads are not those that look up trunks: peers
name these hosts, and they may be slow to be found.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from onhook.phone.errors import NamedAddress, SdpError
from onhook.phone.message import Address
from onhook.phone.resolver import HostResolver
from onhook.phone.routing import is_believable

Addresses = Mapping[str, str]
"""Numeric addresses by the host names that they were looked up for; empty for a name that has none."""
LookUp = Callable[[str, Callable[[str], None]], None]
"""Finds the address of a host, and tells it later; the empty string if it has none."""

T = TypeVar("T")


class MediaHosts:
    """Looks the hosts of audio up. Belongs to one event loop."""

    def __init__(self, resolver: HostResolver | None = None) -> None:
        self._resolver = resolver or HostResolver(what="media_host")

    def look_up(self, host: str, peer: Address, on_address: Callable[[str], None]) -> None:
        """Find the address of a host that `peer` named; "" if it has none that the peer may name."""

        def found(address: str | None) -> None:
            believed = address is not None and is_believable(address, peer[0])
            on_address(address if address and believed else "")

        self._resolver.resolve(host, found)

    def close(self) -> None:
        """Nobody waits any more."""
        self._resolver.close()


def read_located(
    read: Callable[[Addresses], T],
    look_up: LookUp,
    on_read: Callable[[T], None],
    on_error: Callable[[SdpError], None],
    known: Addresses | None = None,
) -> None:
    """Read a description, again for each host in it that has to be looked up first.

    `read` gets the addresses that are known by then; what it returns or raises is told at once, if it names
    no host.
    """
    addresses = known or {}
    try:
        result = read(addresses)
    except NamedAddress as error:
        host = error.host
        look_up(
            host,
            lambda found: read_located(
                read, look_up, on_read, on_error, {**addresses, host: found}
            ),
        )
    except SdpError as error:
        on_error(error)
    else:
        on_read(result)
