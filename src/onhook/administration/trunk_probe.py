"""One OPTIONS through a trunk, from a port of its own, and what came of it (RFC 3261 11)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from onhook import __version__
from onhook.administration.errors import NotPossible
from onhook.administration.trunks import found
from onhook.calls.trunks import trunk_of
from onhook.listeners import ListenAddress
from onhook.phone import SipEndpoint, Trunk
from onhook.phone.addresses import Address, bracketed, transport_of
from onhook.phone.binding import ListenerRefused
from onhook.phone.locating.target import of_trunk
from onhook.phone.outside.client import PATIENCE_S, Outcome, TrunkClient
from onhook.phone.registration.messages import options
from onhook.phone.registration.pinger import NOT_THERE
from onhook.phone.reply import phrase_text
from onhook.store import Keyring, KeyringError, Store


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of it: ``ok`` if calls may go that way. ``status`` is None without an answer, and
    ``address`` then lists where one was waited for."""

    trunk: str
    ok: bool
    status: int | None
    address: str
    round_trip_ms: float | None
    detail: str


async def probe_stored(
    store: Store, keyring: Keyring, name: str, patience_s: float = PATIENCE_S
) -> Probed:
    """Asks the trunk of this name. Raises :class:`NotPossible`."""
    record = await found(store, name)
    try:
        trunk = trunk_of(record, keyring)
    except (KeyringError, ValueError) as error:
        raise NotPossible(f"The trunk {name} cannot be used: {error}.") from error
    return await probe(trunk, patience_s)


async def probe(trunk: Trunk, patience_s: float = PATIENCE_S) -> Probed:
    """Asks a trunk; each of its addresses has so many seconds for its answer."""
    endpoint = SipEndpoint(
        on_call=lambda call: None, trusted_peers=(), user_agent=f"Onhook/{__version__}"
    )
    try:
        await _listen(endpoint)
        addresses = await _located(endpoint, trunk)
        if not addresses:
            why = f"{trunk.next_hop.host} has no address that DNS knows of."
            return Probed(trunk.name, False, None, "", None, why)
        return _told(trunk, addresses, await _asked(endpoint, trunk, patience_s))
    except OSError as error:
        raise NotPossible(f"No OPTIONS can be sent from here: {error.strerror}.") from error
    finally:
        await endpoint.close()


async def _listen(endpoint: SipEndpoint) -> None:
    """Over both families, where the machine has both."""
    ipv4, ipv6 = ListenAddress("0.0.0.0", 0), ListenAddress("::", 0)
    try:
        await endpoint.listen((ipv4, ipv6))
    except ListenerRefused:
        await endpoint.listen((ipv4,))


async def _located(endpoint: SipEndpoint, trunk: Trunk) -> Sequence[Address]:
    """The same that the request is going to find; they are cached."""
    return await endpoint.locator.located(of_trunk(trunk))


async def _asked(endpoint: SipEndpoint, trunk: Trunk, patience_s: float) -> Outcome:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()
    client = TrunkClient(trunk, endpoint, loop, loop.time, patience_s=patience_s)
    client.ask(options(trunk, endpoint.reached_at), outcome.set_result)
    return await outcome


def _told(trunk: Trunk, addresses: Sequence[Address], outcome: Outcome) -> Probed:
    response = outcome.response
    if response is None:
        where = ", ".join(map(_written, addresses))
        hint = "look at --proxy and --transport, and whether a firewall is between"
        why = f"No answer from {where}: {outcome.unreached or hint}."
        return Probed(trunk.name, False, None, where, None, why)
    where = _written(outcome.address) if outcome.address else ""
    took_ms = round(outcome.round_trip_s * 1000, 1)
    status = response.status
    said = f"{status} {phrase_text(response.phrase)}".rstrip()
    ok = status not in NOT_THERE and status not in (401, 407)
    detail = f"{where} answers {said} after {took_ms:g} ms{_meaning(outcome)}"
    return Probed(trunk.name, ok, status, where, took_ms, detail)


def _meaning(outcome: Outcome) -> str:
    """What an answer that is not 200 says of the trunk."""
    if outcome.status < 300:
        return "."
    if outcome.status in (401, 407):
        return f": {outcome.unanswered}."
    if outcome.status in NOT_THERE:
        return ": nobody behind it is there."
    return ". It is there; whether it takes calls, only a call can tell."


def _written(address: Address) -> str:
    return f"{bracketed(address[0])}:{address[1]} ({transport_of(address)})"
