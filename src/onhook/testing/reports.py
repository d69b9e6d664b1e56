"""The test phone's RTCP, and its packets on their way through a bad network."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from onhook.testing import rtcp, rtp
from onhook.testing.datagrams import DatagramSocket
from onhook.testing.network import Network
from onhook.testing.rtcp import Reception, ReportBlock, RtcpError
from onhook.testing.sip_text import Address


class Reports:
    """Counts what one call of the phone sends and hears, and tells the server of it."""

    def __init__(self, network: Network, ssrc: int) -> None:
        self.network = network
        self.sent = 0
        """Packets of sound and keys that left the phone, lost ones too."""
        self.sent_lost = 0
        """Of those, the ones that the network lost."""
        self.left = Reception()
        """The others as they were put on the wire of the server, by the clock of the phone."""
        self.received_lost = 0
        """Packets of the server that the network lost."""
        self.heard = Reception()
        """What arrived of the server's."""
        self.told: list[rtcp.Report] = []
        """The reports of the server, as they arrived."""
        self.last_sent: ReportBlock | None = None
        """What the phone told last."""
        self.round_trips_s: list[float] = []
        """How long each answer of the phone, and the report of the server that it answers, were under way."""
        self._ssrc = ssrc
        self._loop = asyncio.get_running_loop()
        self._socket: DatagramSocket | None = None
        self._to: Address | None = None
        self._server_ssrc: int | None = None
        self._arrivals = 0
        self._last_report: tuple[int, float] | None = None
        self._came_s = 0.0
        """How long that one was under way."""
        self._timer: asyncio.TimerHandle | None = None

    def open(self, host: str, rtp_port: int) -> None:
        """Take RTCP on the port above that of the sound (RFC 3550 11). Raises OSError if it is taken."""
        if self._socket is not None:
            self._socket.close()
        self._socket = DatagramSocket.open(host, self._take, port=rtp_port + 1)

    def begin(self, server: Address) -> None:
        """Tell the server, whose sound comes from there, of what arrives; the second time, elsewhere."""
        self._to = server[0], server[1] + 1
        if self._timer is None and self.network.reports_every_s:
            self._report_later()

    def leaves(self, send: Callable[[], None]) -> None:
        """A packet is on its way; `send` puts it on the wire of the server."""
        self.sent += 1
        if self.network.loses(self.sent, self.network.loses_sent):
            self.sent_lost += 1
        else:
            leave = partial(self._leave, self.sent, send)
            self._after(self.network.sent_after_s(self.sent), leave)

    def _leave(self, number: int, send: Callable[[], None]) -> None:
        self.left.note(number % 0x10000, number * rtp.FRAME_SAMPLES, self._loop.time())
        send()

    def arrives(self, data: bytes, at_s: float) -> bool:
        """A packet of the server; False if the network lost it."""
        self._arrivals += 1
        if self.network.loses(self._arrivals, self.network.loses_received):
            self.received_lost += 1
            return False
        try:
            packet = rtp.parse(data)
        except rtp.RtpError:
            return True
        self._server_ssrc = packet.ssrc
        self.heard.note(packet.seq, packet.timestamp, at_s)
        return True

    def close(self) -> None:
        """No more reports, and the port is free."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._socket.close()

    def _report_later(self) -> None:
        self._timer = self._loop.call_later(self.network.reports_every_s, self._report)

    def _report(self) -> None:
        self._report_later()
        socket, to = self._socket, self._to
        if socket is None or to is None:
            return
        self.last_sent = self._block()
        data = rtcp.sender_report(self._ssrc, time.time(), self.sent, self.last_sent)
        answers, came_s, made_s = self._last_report is not None, self._came_s, self._loop.time()

        def leave() -> None:
            socket.send(data, to)
            if answers:
                self.round_trips_s.append(came_s + self._loop.time() - made_s)

        self._after(self.network.delay_s, leave)

    def _block(self) -> ReportBlock | None:
        if self._server_ssrc is None:
            return None
        last, since_s = self._last_report or (0, self._loop.time())
        heard, delay_s = self.heard, self._loop.time() - since_s
        return ReportBlock(
            self._server_ssrc, heard.lost, heard.highest, round(heard.jitter), last, delay_s
        )

    def _take(self, data: bytes, at_s: float, source: Address) -> None:
        self._after(self.network.delay_s, lambda: self._told(data, at_s))

    def _told(self, data: bytes, at_s: float) -> None:
        try:
            report = rtcp.parse(data)
        except RtcpError:
            return
        self.told.append(report)
        if report.ntp_middle is not None:
            self._last_report = report.ntp_middle, self._loop.time()
            self._came_s = self._loop.time() - at_s

    def _after(self, delay_s: float, work: Callable[[], None]) -> None:
        if delay_s > 0:
            self._loop.call_later(delay_s, work)
        else:
            work()
