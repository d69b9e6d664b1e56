"""From a host name to the addresses that may be called.

Names are looked up by the system's resolver (so /etc/hosts counts), in threads of our own: a slow name
server must not hold up the loop's other threads. Results are kept for a few seconds, so that a busy
receiver costs one lookup and not hundreds a second; what is kept has passed the policy.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import structlog

from onhook.flights import Flights
from onhook.notify.addresses import AddressPolicy, canonical
from onhook.notify.errors import AddressRefused, NotResolved
from onhook.notify.memory import TimedMemory
from onhook.urls import WebUrl

log = structlog.get_logger()

DEADLINE_S = 5.0
"""How long a lookup may take."""

Lookup: TypeAlias = Callable[[str], Sequence[str]]
"""Blocking: the addresses of a name, best first; raises `OSError`. Runs in a thread."""

_THREADS = 32
_MAX_LOOKUPS = 512  # names under way or waiting for a thread
_MAX_ADDRESSES = 8  # of one name; a reply of hundreds is not walked through
_REMEMBER_S = 5.0
_REMEMBER_NAMES = 4096


_Result: TypeAlias = tuple[str, ...] | NotResolved | AddressRefused


def system_lookup(host: str) -> Sequence[str]:
    """Ask the system's resolver; the order is that of RFC 6724. Blocking; raises `OSError`."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses: list[str] = []
    for *_, sockaddr in found:
        address = str(sockaddr[0])
        # An IPv6 address of one interface comes with its number: it is kept, and then refused.
        if len(sockaddr) == 4 and sockaddr[3] and "%" not in address:
            address = f"{address}%{sockaddr[3]}"
        if address not in addresses:
            addresses.append(address)
    return addresses


class AddressResolver:
    """Resolves the hosts of URLs, and lets through only what the policy allows.

    `lookup` and `clock` (monotonic seconds) are replaced in tests. Close it when done.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        deadline_s: float = DEADLINE_S,
        lookup: Lookup = system_lookup,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._deadline_s = deadline_s
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="onhook-resolve")
        self._remembered: TimedMemory[str, tuple[str, ...]] = TimedMemory(
            _REMEMBER_S, _REMEMBER_NAMES, clock
        )
        self._flights: Flights[_Result] = Flights()

    async def resolve(self, url: WebUrl) -> tuple[str, ...]:
        """Return the allowed addresses of a URL's host, as texts: at least one, best first, at most eight.

        If some addresses of a name are refused, the others are returned. Raises `NotResolved`, and
        `AddressRefused` if no address of the name may be called.
        """
        remembered = self._remembered.get(url.host)
        if remembered is not None:
            return remembered
        if url.literal is not None:
            self._policy.check(url.literal)
            address = (str(canonical(url.literal)),)
            self._remembered.put(url.host, address)
            return address
        if len(self._flights) >= _MAX_LOOKUPS:
            raise NotResolved("too many names are being looked up")
        result = await self._flights.join(url.host, lambda: self._look_up(url.host))
        # The result is a value, so that everyone who waited raises an exception of their own.
        if isinstance(result, NotResolved):
            raise NotResolved(result.detail)
        if isinstance(result, AddressRefused):
            raise AddressRefused(result.detail)
        return result

    def close(self) -> None:
        """Stop the threads; lookups that wait for one are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await loop.run_in_executor(self._threads, self._lookup, host)
        except TimeoutError:
            return NotResolved(f"the name was not resolved within {self._deadline_s:g} s")
        except socket.gaierror as error:
            return NotResolved(_why(error))
        except (OSError, UnicodeError, RuntimeError) as error:  # RuntimeError: closed
            log.warning("name_lookup_failed", error=repr(error))
            return NotResolved("the name could not be looked up")
        result = self._allowed(found)
        if isinstance(result, tuple):
            self._remembered.put(host, result)
        return result

    def _allowed(self, found: Sequence[str]) -> _Result:
        allowed: list[str] = []
        refusal: AddressRefused | None = None
        for text in found:
            try:
                self._policy.check(text)
            except AddressRefused as refused:
                refusal = refusal or refused
            else:
                allowed.append(str(canonical(text)))
        if allowed:
            return tuple(allowed[:_MAX_ADDRESSES])
        return refusal or NotResolved("the name has no address")


def _why(error: socket.gaierror) -> str:
    if error.errno == socket.EAI_AGAIN:
        return "the name servers did not answer"
    return "the name has no address"
