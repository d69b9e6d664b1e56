"""Flows that are kept open though nothing goes over them: where a registrar is to reach us (RFC 5626).

Over UDP two CRLFs every so many seconds keep a NAT from forgetting us; RFC 5626 has STUN there, which few
registrars answer, and what a registrar makes of a CRLF is nothing. Over a connection its pings do (4.4.1),
and it is not closed for being idle; whoever keeps it hears when it is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass

from onhook.phone.addresses import Address, TcpAddress
from onhook.phone.timers import Clock, TimerHandle

KEEPALIVE = b"\r\n\r\n"

OnLost = Callable[[], None]


@dataclass(slots=True)
class Flow:
    """One that is kept. `every_s` 0 sends nothing."""

    address: Address
    every_s: float
    on_lost: OnLost
    timer: TimerHandle | None = None


class KeptFlows:
    """Those of an endpoint. `pings` are the seconds between pings of connections, by peer."""

    def __init__(
        self,
        send: Callable[[bytes, Address], None],
        pings: dict[Address, float],
        clock: Callable[[], Clock],
    ) -> None:
        self._send = send
        self._pings = pings
        self._clock = clock
        self._flows: list[Flow] = []

    def keep(self, address: Address, every_s: float, on_lost: OnLost) -> Flow:
        """Keep a flow until it is let go; several may keep the same."""
        flow = Flow(address, every_s, on_lost)
        self._flows.append(flow)
        if isinstance(address, TcpAddress):
            self._pings[address] = self._shortest(address)
        elif every_s:
            self._wait(flow)
        return flow

    def let_go(self, flow: Flow) -> None:
        """It may close."""
        if flow in self._flows:
            self._flows.remove(flow)
        if flow.timer is not None:
            flow.timer.cancel()
            flow.timer = None
        if not self.holds(flow.address):
            self._pings.pop(flow.address, None)

    def holds(self, peer: Address) -> bool:
        """Whether somebody keeps the flow with this peer."""
        return any(flow.address == peer for flow in self._flows)

    def lost(self, peer: Address) -> None:
        """The connection with a peer is gone."""
        for flow in [*self._flows]:
            if isinstance(flow.address, TcpAddress) and flow.address == peer:
                flow.on_lost()

    def close(self) -> None:
        """Let all of them go."""
        for flow in [*self._flows]:
            self.let_go(flow)

    def _shortest(self, address: Address) -> float:
        several = [flow.every_s for flow in self._flows if flow.address == address]
        return min(filter(None, several), default=0.0)

    def _wait(self, flow: Flow) -> None:
        flow.timer = self._clock().call_later(flow.every_s, self._ping, flow)

    def _ping(self, flow: Flow) -> None:
        self._send(KEEPALIVE, flow.address)
        self._wait(flow)


class CallFlows:
    """The flows of calls of ours, one for all calls with a server: behind a NAT the other side's BYE comes
    back the way our INVITE went, for as long as the call goes on."""

    def __init__(self, flows: KeptFlows) -> None:
        self._flows = flows
        self._held: dict[tuple[Address, float], tuple[Flow, int]] = {}

    def hold(self, address: Address, every_s: float) -> None:
        """A call begins."""
        flow, calls = self._held.get((address, every_s), (None, 0))
        flow = flow or self._flows.keep(address, every_s, lambda: None)
        self._held[address, every_s] = (flow, calls + 1)

    def let_go(self, address: Address, every_s: float) -> None:
        """A call that held it is over."""
        flow, calls = self._held.pop((address, every_s))
        if calls > 1:
            self._held[address, every_s] = (flow, calls - 1)
        else:
            self._flows.let_go(flow)
