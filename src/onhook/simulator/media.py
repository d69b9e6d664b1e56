"""Media without sound: streams on which prompts take their time, and each end hears what is said as text."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

from onhook.media import sounds
from onhook.media.errors import RoomFull, StreamClosed
from onhook.media.g711 import FRAME_MS, SAMPLE_RATE
from onhook.media.play_queue import OnPlayed, OnStopped, Playable, nobody_waits
from onhook.media.recorder import OnRecorded, RecordingStats
from onhook.media.sounds import Sound as MadeSound
from onhook.media.stream import Signs, StreamListener, StreamStats
from onhook.simulator.heard import Kind, Sound
from onhook.simulator.line import Line
from onhook.simulator.speech import SpokenPrompt

_ROOM_MEMBERS: Final = 8
_KEY_S: Final = 0.16
_PAUSE_S: Final = 1.0
"""Of a comma among keys."""
_PACKETS_A_SECOND: Final = 50
_NO_FIGURES: Final = dict.fromkeys(StreamStats._fields, 0)


@dataclass(slots=True, eq=False)
class _Message:
    """Something that plays, or waits for its turn: sounds one after another."""

    number: int
    pieces: Sequence[tuple[Kind, str, float]]
    """What each is, what it says, and how long it lasts."""
    on_played: OnPlayed
    on_stopped: OnStopped | None
    loops: bool = False


@dataclass(slots=True, eq=False)
class SimulatedRecorder:
    """A recording that goes on (media.Recorder)."""

    stream: "SimulatedStream"
    descriptor: int
    on_done: OnRecorded
    began_s: float
    going: bool = True
    waits: bool = False

    def begin_behind(self, play_id: int) -> None:
        """Whoever hears of the end of that has it begin."""

    def begin(self) -> None:
        """From now on; nothing, if it has begun."""
        if self.waits:
            self.waits = False
            self.began_s = asyncio.get_running_loop().time()

    def stop(self) -> None:
        """It is as long as it went on; whoever waits for it is told."""
        if not self.going:
            return
        self.going = False
        os.close(self.descriptor)
        loop = asyncio.get_running_loop()
        samples = 0 if self.waits else round((loop.time() - self.began_s) * SAMPLE_RATE)
        loop.call_soon(self.on_done, RecordingStats(samples=samples, lost=0, error=0))


@dataclass(slots=True, eq=False)
class Reservation:
    """A port, of which nobody has bound anything (media.PortReservation)."""

    port: int

    def release(self) -> None:
        """There is nothing to be given back."""


class SimulatedStream:
    """The media of one leg (media.Stream). What it plays is heard by its `line`."""

    def __init__(self, line: Line, handle: int, port: int, listener: StreamListener) -> None:
        self.line = line
        self.handle = handle
        self.port = port
        self.listener = listener
        self.sends_events = True
        self.agreed = None
        self.is_open = True
        self.stats: StreamStats | None = None
        self.newest_play = 0
        self._loop = asyncio.get_running_loop()
        self._opened_s = self._loop.time()
        self._waiting: deque[_Message] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._heard: Sound | None = None
        self._recorders: list[SimulatedRecorder] = []
        self.company: set[SimulatedStream] = set()
        """Whom its peer hears, and who hear it."""
        self.muted = False

    # What plays -------------------------------------------------------------------------------------

    def play(
        self,
        prompts: Sequence[Playable],
        on_played: OnPlayed,
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Once, behind what plays. Raises StreamClosed."""
        return self._add(list(map(_piece, prompts)), on_played, on_stopped)

    def loop(
        self,
        prompts: Sequence[Playable],
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Again and again, until it is stopped. Raises StreamClosed."""
        return self._add(list(map(_piece, prompts)), nobody_waits, on_stopped, loops=True)

    def send_digits(
        self,
        digits: str,
        on_sent: OnPlayed,
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Keys, behind what plays. Raises StreamClosed."""
        length_s = sum(_PAUSE_S if each == "," else _KEY_S for each in digits)
        return self._add([(Kind.KEYS, digits.replace(",", ""), length_s)], on_sent, on_stopped)

    def skipped(self, play_id: int) -> int:
        """No plane has died."""
        return 0

    def stop(self) -> None:
        """Cuts off all that plays, or waits. Raises StreamClosed."""
        self._require_open()
        self._cut()

    def _add(
        self,
        pieces: Sequence[tuple[Kind, str, float]],
        on_played: OnPlayed,
        on_stopped: OnStopped | None,
        *,
        loops: bool = False,
    ) -> int:
        self._require_open()
        self.newest_play += 1
        message = _Message(self.newest_play, pieces, on_played, on_stopped, loops)
        self._waiting.append(message)
        if len(self._waiting) == 1:
            self._begin(message, 0)
        return message.number

    def _begin(self, message: _Message, place: int) -> None:
        kind, text, length_s = message.pieces[place]
        self._heard = self.line.hears(kind, text, length_s)
        self._timer = self._loop.call_later(length_s, self._through, message, place)

    def _through(self, message: _Message, place: int) -> None:
        """A piece was heard to its end."""
        self._timer = None
        self._end_heard(cut=False)
        if place + 1 < len(message.pieces):
            self._begin(message, place + 1)
            return
        if message.loops and len(self._waiting) == 1:
            self._begin(message, 0)
            return
        self._waiting.popleft()
        if self._waiting:
            self._begin(self._waiting[0], 0)
        message.on_played(self._loop.time())

    def _cut(self) -> None:
        cut, self._waiting = self._waiting, deque()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end_heard(cut=True)
        for message in cut:
            if message.on_stopped is not None:
                self._loop.call_soon(message.on_stopped)

    def _end_heard(self, *, cut: bool) -> None:
        heard, self._heard = self._heard, None
        if heard is not None:
            self.line.heard(heard, cut=cut)

    def _require_open(self) -> None:
        if not self.is_open:
            raise StreamClosed("the stream is closed")

    # What its peer says -----------------------------------------------------------------------------

    def press(self, key: str) -> None:
        """A key of its phone goes down; whoever it is joined to hears it as well."""
        if self.is_open:
            for other in self.company:
                other.line.heard(other.line.hears(Kind.KEYS, key, _KEY_S), cut=False)
            self.listener.digit(key)

    def say(self, text: str, length_s: float) -> None:
        """Whoever it is joined to hears this."""
        for other in self.company if not self.muted else ():
            sound = other.line.hears(Kind.VOICE, text, length_s)
            self._loop.call_later(length_s, partial(other.line.heard, sound, cut=False))

    def bridge(self, other: "SimulatedStream") -> None:
        """The two hear one another."""
        self._require_open()
        other._require_open()
        self._part()
        other._part()
        self.company.add(other)
        other.company.add(self)

    def _part(self) -> None:
        for other in self.company:
            other.company.discard(self)
        self.company = set()
        self.muted = False

    # What was agreed, which nobody hears ------------------------------------------------------------

    def agree(self, *_: object, **__: object) -> None:
        """Another codec."""

    def latch(self, _: object) -> None:
        """Where else it may be."""

    def set_remote(self, _: object) -> None:
        """Another address."""

    def set_rtcp(self, _: object, *, mux: bool = False) -> None:
        """Another address for reports."""

    def protect(self, _: object) -> None:
        """Keys."""

    # Recordings and the end -------------------------------------------------------------------------

    def record(
        self,
        fd: int,
        on_done: OnRecorded,
        *,
        tag: int = 0,
        began_s: float | None = None,
        waits: bool = False,
    ) -> SimulatedRecorder:
        """Both sides, from now on, or when it is told to begin. Raises StreamClosed."""
        self._require_open()
        recorder = SimulatedRecorder(self, fd, on_done, self._loop.time(), waits=waits)
        self._recorders.append(recorder)
        return recorder

    def close(self, when: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Nothing plays any more; recordings are complete. Nothing the second time."""
        if not self.is_open:
            return
        self._cut()
        self.stats = self.stats_now
        self.is_open = False
        self._part()
        for recorder in self._recorders:
            recorder.stop()
        if when is not None:
            when(lambda: None)

    @property
    def stats_now(self) -> StreamStats:
        """As if every packet of both sides had arrived."""
        packets = round((self._loop.time() - self._opened_s) * _PACKETS_A_SECOND)
        carried = ("sent_packets", "received_packets", "audio_packets")
        return StreamStats(**{**_NO_FIGURES, **dict.fromkeys(carried, packets)})

    @property
    def signs(self) -> Signs:
        """Its phone is there."""
        now_s = self._loop.time()
        return Signs(now_s, now_s)


@dataclass(slots=True, eq=False)
class SimulatedRoom:
    """A room (calls.rooms.Mix)."""

    members: set[SimulatedStream] = field(default_factory=set)

    def add(self, stream: SimulatedStream, *, muted: bool = False) -> None:
        """It hears all others. Raises RoomFull."""
        if len(self.members) >= _ROOM_MEMBERS:
            raise RoomFull(f"a room has {_ROOM_MEMBERS} members at the most")
        stream._part()
        stream.muted = muted
        self.members = {each for each in self.members if each.is_open}
        for other in self.members:
            other.company.add(stream)
            stream.company.add(other)
        self.members.add(stream)

    def remove(self, stream: SimulatedStream) -> None:
        """It hears nobody."""
        self.members.discard(stream)
        stream._part()

    def mute(self, stream: SimulatedStream, muted: bool) -> None:
        """Whether the others hear it."""
        stream.muted = muted

    def close(self) -> None:
        """Nobody is in it any more."""
        for stream in tuple(self.members):
            self.remove(stream)


class SimulatedPlane:
    """Where the streams of all calls are made (media.MediaPlane)."""

    last_pid = 1
    running = True

    def __init__(self, line_of: Callable[[int], Line]) -> None:
        """``line_of`` gives who is at a port of the other side."""
        self._line_of = line_of
        self._ports = count(20000, 2)
        self._handles = count(1)

    @property
    def event_at_hand(self) -> int:
        """Every key is a new one."""
        return 1

    def reserve(self, port: int | None = None) -> Reservation:
        """A port."""
        return Reservation(next(self._ports) if port is None else port)

    def open(
        self,
        reservation: Reservation,
        *,
        remote: tuple[str, int],
        listener: StreamListener,
        **_: Any,
    ) -> SimulatedStream:
        """The stream of a leg."""
        line = self._line_of(remote[1])
        stream = SimulatedStream(line, next(self._handles), reservation.port, listener)
        line.stream = stream
        return stream

    def open_room_for(self, _: object) -> SimulatedRoom:
        """A room in which nobody is."""
        return SimulatedRoom()


def _piece(prompt: Playable) -> tuple[Kind, str, float]:
    length_s = prompt.frame_count * FRAME_MS / 1000
    if isinstance(prompt, SpokenPrompt):
        return prompt.kind, prompt.text, length_s
    return Kind.TONE, _name_of(prompt), length_s


def _name_of(prompt: Playable) -> str:
    named: Iterable[tuple[Callable[[], MadeSound], str]] = (
        (sounds.beep, "a beep"),
        (sounds.ringback, "the ring back"),
        (sounds.hold_music, "music"),
    )
    return next((name for made, name in named if made() is prompt), "a tone")
