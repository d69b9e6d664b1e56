"""Asks a trunk something outside dialogs, until one of its addresses answers (RFC 3261 8.1, RFC 3263 4.3).

The addresses are tried in their order, but the one that answered last comes first: it has what a registrar
keeps of us. One that does not answer, cannot be reached, or answers 503, is followed by the next; nobody
waits for timer F as long as there is one. Challenges are answered (RFC 3261 22), and a nonce that was good
is used again until the server wants another, so a refresh is one request. Each request has the next CSeq
number, those that follow a challenge or another address included (RFC 3261 8.1.3.5, 10.2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from onhook import identifiers
from onhook.phone.addresses import Address, TcpAddress
from onhook.phone.digest import Authenticator
from onhook.phone.locating.target import Target, of_trunk
from onhook.phone.message import MAGIC_COOKIE, Response
from onhook.phone.outside.request import OutsideRequest, Sending, write
from onhook.phone.reply import check_headers
from onhook.phone.requests import OwnRequests
from onhook.phone.timers import Clock, TimerHandle
from onhook.phone.trunk import Trunk

log = structlog.get_logger()

PATIENCE_S = 6.0
"""An address that says nothing for this long is given up, if there is another one."""
LOCATED_S = 15.0
"""Addresses that are not found by then are not waited for."""
MAX_ADDRESSES = 8
"""So many addresses are tried for one request."""

OnFound = Callable[[Sequence[Address]], None]


class Locating(Protocol):
    """What a client needs to know of where trunks are; `Locator` is one."""

    def locate(self, target: Target, on_found: OnFound) -> None:
        """Find the addresses of a target in the order of trial; `on_found` hears none if there are none."""

    def failed(self, address: Address) -> None:
        """An address did not answer: it is to come last for a while."""


class OutsideSignalling(Protocol):
    """What a client needs of its endpoint."""

    user_agent: str
    requests: OwnRequests

    @property
    def locator(self) -> Locating:
        """By which servers are found."""

    def no_connection_because(self, peer: Address) -> str:
        """Why a peer could not be reached over a connection, in words for an operator."""

    def reached_at(self, peer: Address) -> str:
        """Our host and port in a Contact for this peer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: the response, and who gave it in what time; None if nobody did.

    `unanswered` says why its challenge was not answered, `unreached` why there was no connection: clauses
    about the peer, or empty. `garbled`: nobody could read the challenge.
    """

    response: Response | None
    address: Address | None = None
    round_trip_s: float = 0.0
    unanswered: str = ""
    unreached: str = ""
    garbled: bool = False

    @property
    def status(self) -> int:
        """Its status; 0 without an answer."""
        return self.response.status if self.response is not None else 0


OnOutcome = Callable[[Outcome], None]


class TrunkClient:
    """Asks one trunk one thing at a time: a new request takes the place of one that is still out.

    `patience_s` is how long the last address has for its answer; None is until timer F (32 s).
    """

    def __init__(
        self,
        trunk: Trunk,
        signalling: OutsideSignalling,
        clock: Clock,
        now: Callable[[], float],
        *,
        patience_s: float | None = None,
    ) -> None:
        self.trunk = trunk
        self._signalling = signalling
        self._clock = clock
        self._now = now
        self._patience_s = patience_s
        self._call_id = identifiers.token_hex(16)
        self._tag = identifiers.token_hex(8)
        self._cseq = 0
        self._authenticator = self._fresh()
        self._preferred: Address | None = None
        self._asking: _Asking | None = None
        self.found: tuple[Address, ...] = ()
        """The addresses of the trunk, as they were found last."""

    def ask(self, request: OutsideRequest, on_outcome: OnOutcome) -> None:
        """Send a request; `on_outcome` hears once what came of it, from within if nothing can be sent."""
        self.stop()
        asking = self._asking = _Asking(self, request, on_outcome)
        asking.await_addresses()
        self._signalling.locator.locate(of_trunk(self.trunk), asking.found)

    def stop(self) -> None:
        """Nobody wants to hear what comes of the request that is out."""
        if self._asking is not None:
            self._asking.over()
            self._asking = None

    # For the request that is out.

    def in_order(self, found: Sequence[Address]) -> list[Address]:
        """The addresses as they are to be tried."""
        self.found = tuple(found)
        first = [address for address in found if address == self._preferred]
        return [*first, *(address for address in found if address not in first)][:MAX_ADDRESSES]

    def send(self, request: OutsideRequest, address: Address, on_final: "OnFinal") -> None:
        """Send it to one address."""
        self._cseq += 1
        branch = MAGIC_COOKIE + identifiers.token_hex(8)
        credentials = self._authenticator.headers(request.method, request.uri)
        own = check_headers(request.headers(address))

        def text(peer: Address, sent_by: str) -> bytes:
            us = self._signalling.user_agent
            sending = Sending(peer, sent_by, branch, self._call_id, self._tag, self._cseq, us)
            return write(request, sending, (*own, *credentials))

        self._signalling.requests.outside(
            text, address, branch=branch, method=request.method, on_final=on_final
        )

    @property
    def unanswered(self) -> tuple[str, bool]:
        """Why the last challenge is not answered, empty if it is; and whether it could not be read."""
        return self._authenticator.refusal, self._authenticator.garbled

    def take_challenge(self, response: Response, tried: Sequence[int]) -> bool:
        """Whether the request is to be sent once more, with credentials."""
        return self._authenticator.take(response, tried)

    def absent(self, address: Address) -> str:
        """An address did not answer; why there was no connection, if it takes one."""
        if address == self._preferred:
            self._preferred = None
        self._signalling.locator.failed(address)
        over_tcp = isinstance(address, TcpAddress)
        return self._signalling.no_connection_because(address) if over_tcp else ""

    def wait(self, last: bool, callback: Callable[[], None]) -> TimerHandle | None:
        """How long an address has; None is as long as the transaction takes."""
        delay_s = self._patience_s if last else PATIENCE_S
        return self.later(delay_s, callback) if delay_s is not None else None

    def later(self, delay_s: float, callback: Callable[[], None]) -> TimerHandle:
        """Call back after so many seconds."""
        return self._clock.call_later(delay_s, callback)

    def now(self) -> float:
        """Seconds of a monotonic clock."""
        return self._now()

    def ended(self, asking: "_Asking", outcome: Outcome) -> None:
        """The request that is out is over."""
        if self._asking is not asking:
            return
        self._asking = None
        if outcome.status in (401, 403, 407):
            self._authenticator = self._fresh()  # what was refused is not shown again unasked
        if outcome.address is not None and outcome.status != 503:
            self._preferred = outcome.address
        asking.on_outcome(outcome)

    def _fresh(self) -> Authenticator:
        return Authenticator(self.trunk.digest_user, self.trunk.password)


OnFinal = Callable[[Response | None], None]


class _Asking:
    """One request, from address to address."""

    def __init__(self, client: TrunkClient, request: OutsideRequest, on_outcome: OnOutcome) -> None:
        self.on_outcome = on_outcome
        self._client = client
        self._request = request
        self._left: list[Address] = []
        self._last = Outcome(None)
        self._timer: TimerHandle | None = None
        self._try = 0
        """Which try is waited for; 0 is none any more."""
        self._tries = 0

    def await_addresses(self) -> None:
        """Whoever looks for them may never come back."""
        self._timer = self._client.later(LOCATED_S, lambda: self.found(()))

    def found(self, addresses: Sequence[Address]) -> None:
        """The addresses of the trunk."""
        if self._tries == 0:
            self._stop_timer()
            self._left = self._client.in_order(addresses)
            self._next()

    def over(self) -> None:
        """Whatever comes is not for us any more."""
        self._tries, self._try = self._tries + 1, 0
        self._stop_timer()

    def _next(self) -> None:
        if self._left:
            self._send(self._left.pop(0), ())
        else:
            self._end(self._last)

    def _send(self, address: Address, tried: tuple[int, ...]) -> None:
        self._stop_timer()
        self._tries += 1
        number = self._try = self._tries
        sent_s = self._client.now()

        def answered(response: Response | None) -> None:
            if number == self._try:
                self._answered(address, tried, response, self._client.now() - sent_s)

        def silent() -> None:
            answered(None)

        try:
            self._client.send(self._request, address, answered)
        except (OSError, ValueError) as error:  # what cannot be said, or not there
            log.warning("sip_request_not_sent", method=self._request.method, why=str(error))
            answered(None)
        if number == self._try:  # it may have failed within
            self._timer = self._client.wait(not self._left, silent)

    def _answered(
        self,
        address: Address,
        tried: tuple[int, ...],
        response: Response | None,
        round_trip_s: float,
    ) -> None:
        if response is None or response.status == 503:
            why = self._client.absent(address)
            if response is not None:
                self._last = Outcome(response, address, round_trip_s)
            elif self._last.response is None:
                self._last = Outcome(None, unreached=why)
            self._next()
        elif self._client.take_challenge(response, tried):
            self._send(address, (*tried, response.status))
        else:
            unanswered, garbled = self._client.unanswered
            self._end(Outcome(response, address, round_trip_s, unanswered, garbled=garbled))

    def _end(self, outcome: Outcome) -> None:
        self.over()
        self._client.ended(self, outcome)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
