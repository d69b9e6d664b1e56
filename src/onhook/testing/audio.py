"""The phone's own side of the sound: it talks in packets, presses keys, and records."""

import asyncio
import math
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from onhook.testing import g711, rtp
from onhook.testing.datagrams import DatagramSocket
from onhook.testing.g711 import Pcm
from onhook.testing.network import Network
from onhook.testing.recording import Recording
from onhook.testing.reports import Reports
from onhook.testing.rtp import FRAME_MS, FRAME_SAMPLES, RtpPacket
from onhook.testing.sip_text import Address
from onhook.testing.srtp import Encryption

_PAIRS = 16
"""So many pairs of ports are tried."""
_LATE_FRAMES = 10  # further behind than this, the frames are skipped instead of sent in a burst


@dataclass(frozen=True, slots=True)
class AudioRoute:
    """Where the sound goes and how, as negotiated."""

    address: Address
    law: str
    payload_type: int
    events_type: int | None


@dataclass(slots=True)
class _Frame:
    """What one tick sends: sound, or a packet of a key press."""

    payload: bytes
    starts_event: bool | None = None
    """None for sound; for a key press, whether this is its first packet."""
    sent: list[asyncio.Future[None]] = field(default_factory=list)
    """Told when this frame has left."""

    def left(self) -> None:
        """Tell those who wait for this frame."""
        for future in self.sent:
            if not future.done():  # whoever waited may have been cancelled
                future.set_result(None)


class Audio:
    """The RTP of one call: one socket to receive on, the same or another one to send from.

    Frames leave at multiples of `frame_ms` from the start; a frame with nothing to say sends silence
    when `talk` is set, and nothing otherwise. While a key is pressed, its packets take the place
    of the sound, which goes on unheard, as in a real phone (RFC 4733 2.5.1.2).
    """

    def __init__(
        self,
        host: str,
        payload_types: Mapping[int, str],
        *,
        talk: bool,
        other_port: bool,
        frame_ms: int = FRAME_MS,
        network: Network | None = None,
    ) -> None:
        self.recording = Recording(payload_types)
        """What was received, on either socket."""
        self.sent: list[RtpPacket] = []
        """The last packets sent, at most 500, each with the time at which it was sent."""
        self.talk = talk
        """Send silence when there is nothing to say; what `start` and `say` wake looks at it."""
        self.encryption: Encryption | None = None
        """Of what is sent and received, if the phone has any."""
        self.frame_ms = frame_ms
        """How much sound a packet has; to be changed before `start`."""
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._ssrc = secrets.randbits(32)
        self.reports = Reports(network, self._ssrc) if network is not None else None
        """RTCP, and a network that is told what to lose; None without one."""
        self._receiver = self._open()
        self._sender = self._open() if other_port else self._receiver
        self._left: list[DatagramSocket] = []
        self._sound: deque[_Frame] = deque()
        self._keys: deque[_Frame] = deque()
        self._route: AudioRoute | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started_s: float | None = None
        self._frame = 0
        self._event_frame = 0
        self._seq = secrets.randbelow(0x8000)  # RFC 3550 5.1: random, and not soon wrapping
        self._timestamp = secrets.randbits(32)
        self._marker = True

    @property
    def address(self) -> Address:
        """The address for the SDP: where sound is received."""
        return self._receiver.address

    @property
    def sending_address(self) -> Address:
        """The address that sound is sent from."""
        return self._sender.address

    @property
    def _samples(self) -> int:
        return self.frame_ms * FRAME_SAMPLES // FRAME_MS

    @property
    def route(self) -> AudioRoute | None:
        """Where sound goes; None before `start`."""
        return self._route

    def start(self, route: AudioRoute) -> None:
        """Begin to talk, or go on talking to another address."""
        self._route = route
        if self._started_s is None:
            self._started_s = self._loop.time()
        if self.reports is not None:
            self.reports.begin(route.address)
        self._wake()

    def say(self, pcm: Pcm) -> asyncio.Future[None]:
        """Queue samples behind what is queued; the future is done when the last one has left."""
        route = self._route
        if route is None:
            raise RuntimeError("there is nobody to talk to before the call is answered")
        code = g711.encode(route.law, pcm)
        silent, size = bytes([g711.SILENCE[route.law]]), self._samples
        for at in range(0, len(code), size):
            self._sound.append(_Frame(code[at : at + size].ljust(size, silent)))
        return self._when_sent(self._sound)

    def press(
        self, digits: str, tone_ms: int, gap_ms: int, end_packets: int
    ) -> asyncio.Future[None]:
        """Queue key presses (RFC 4733); the future is done when the last packet has left."""
        presses = [
            rtp.event_payloads(digit, tone_ms, end_packets, frame_ms=self.frame_ms)
            for digit in digits
        ]
        for payloads in presses:
            for n, payload in enumerate(payloads):
                self._keys.append(_Frame(payload, starts_event=n == 0))
            self._keys.extend(_Frame(b"") for _ in range(math.ceil(gap_ms / self.frame_ms)))
        return self._when_sent(self._keys)

    def send_odd(self, payload_type: int, payload: bytes) -> None:
        """Send one packet of any kind between those of the sound, such as comfort noise (13)."""
        if self._route is not None:
            self._send(self._route, payload_type, self._frame, payload)

    def move(self) -> None:
        """Receive on a new port, and send from it. What still comes to the old one is recorded."""
        self._left.append(self._receiver)
        if self._sender is not self._receiver:
            self._left.append(self._sender)
        self._receiver = self._sender = self._open()

    def pause(self) -> None:
        """Send nothing until `start`; what is queued waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._route = None

    def stop(self) -> None:
        """Send nothing more; what is received is still recorded."""
        self.pause()
        for frame in (*self._sound, *self._keys):
            frame.left()
        self._sound.clear()
        self._keys.clear()

    def close(self) -> None:
        """Free the ports."""
        self.stop()
        for socket in (self._receiver, self._sender, *self._left):
            socket.close()
        if self.reports is not None:
            self.reports.close()

    def _open(self) -> DatagramSocket:
        opened: list[DatagramSocket] = []

        def receive(data: bytes, at_s: float, source: Address) -> None:
            if self.encryption is not None and not 192 <= (data[1:2] or b"\0")[0] <= 223:
                data = self.encryption.open(data)
            if data and (self.reports is None or self.reports.arrives(data, at_s)):
                self.recording.add_datagram(data, at_s, source, opened[0].address[1])

        for left in reversed(range(_PAIRS)):
            opened[:] = [DatagramSocket.open(self._host, receive, even=True)]
            if self.reports is None:
                break
            try:
                self.reports.open(self._host, opened[0].address[1])
                break
            except OSError:  # somebody has the port above
                opened[0].close()
                if not left:
                    raise
        return opened[0]

    def _when_sent(self, queue: deque[_Frame]) -> asyncio.Future[None]:
        done = self._loop.create_future()
        if queue:
            queue[-1].sent.append(done)
            self._wake()
        else:
            done.set_result(None)
        return done

    def _wake(self) -> None:
        """Set the timer of the next frame, unless it is set or there is nothing to send."""
        if self._timer is not None or self._route is None or self._started_s is None:
            return
        if not (self.talk or self._sound or self._keys):
            return
        frame_s = self.frame_ms / 1000
        now = (self._loop.time() - self._started_s) / frame_s
        if now - self._frame > _LATE_FRAMES:
            self._frame = math.ceil(now)
            self._marker = True
        due_s = self._started_s + self._frame * frame_s
        self._timer = self._loop.call_at(due_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        route = self._route
        if route is None:
            return
        key = self._keys.popleft() if self._keys else _Frame(b"")
        sound = self._sound.popleft() if self._sound else _Frame(b"")
        if key.starts_event is not None:
            self._send_event(route, key)
        elif sound.payload or self.talk:
            silent = bytes([g711.SILENCE[route.law]]) * self._samples
            self._send(route, route.payload_type, self._frame, sound.payload or silent)
        else:
            self._marker = True
        self._frame += 1
        key.left()
        sound.left()
        self._wake()

    def _send_event(self, route: AudioRoute, frame: _Frame) -> None:
        if frame.starts_event:
            self._event_frame, self._marker = self._frame, True
        if route.events_type is not None:
            self._send(route, route.events_type, self._event_frame, frame.payload)

    def _send(self, route: AudioRoute, payload_type: int, frame: int, payload: bytes) -> None:
        timestamp = (self._timestamp + frame * self._samples) % 0x100000000
        packet = RtpPacket(
            payload_type, self._seq, timestamp, self._ssrc, payload, self._marker,
            self._loop.time(), self._sender.address, self._sender.address[1],
        )  # fmt: skip
        data = packet.to_bytes()
        sealed = data if self.encryption is None else self.encryption.seal(data)
        self._put(sealed, route.address)
        self._seq = (self._seq + 1) % 0x10000
        self._marker = False
        self.sent.append(packet)
        del self.sent[:-500]

    def _put(self, data: bytes, to: Address) -> None:
        sender = self._sender
        if self.reports is None:
            sender.send(data, to)
        else:
            self.reports.leaves(lambda: sender.send(data, to))
