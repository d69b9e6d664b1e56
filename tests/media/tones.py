"""Tones that are told apart after they were mixed, and peers that hum them."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from media.rtp_peer import FRAME_BYTES, PATIENCE_S, Packet, RtpPeer
from onhook.media import Codec
from onhook.media.g711 import decode, encode

RATE = 8000
FRAME_S = 0.02


def sine(hz: float, frame_count: int, amplitude: float = 8000) -> NDArray[np.int16]:
    time_s = np.arange(frame_count * FRAME_BYTES) / RATE
    return np.round(amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def samples(packets: Iterable[Packet], codec: Codec) -> NDArray[np.int16]:
    return decode(np.frombuffer(b"".join(packet.payload for packet in packets), np.uint8), codec)


def amplitude(pcm: NDArray[np.int16], hz: float) -> float:
    """How much of one frequency there is (within 20 Hz, for what was cut and put together)."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) * 4 / len(pcm)
    near = np.abs(np.fft.rfftfreq(len(pcm), 1 / RATE) - hz) <= 20
    return float(spectrum[near].max())


def heard(pcm: NDArray[np.int16], tones_hz: Sequence[float]) -> set[float]:
    """Those of the tones that are there: at least a fifth as loud as the loudest."""
    loud = {hz: amplitude(pcm, hz) for hz in tones_hz}
    top = max(loud.values())
    return {hz for hz, value in loud.items() if value > 100 and value > top / 5}


class Hum:
    """A peer that hums a tone, packet after packet in time, and keeps what it is sent."""

    def __init__(self, peer: RtpPeer, port: int, hz: float, codec: Codec, level: float = 8000):
        self._peer = peer
        self._port = port
        self._codec = codec
        self._frames = encode(sine(hz, 50, level), codec).tobytes()  # whole waves in a second
        self._ssrc = random.getrandbits(32)
        self._start = random.getrandbits(16)
        self._task: asyncio.Task[None] | None = None
        self.packets: list[Packet] = []
        """Silence too, so that what is missing is seen."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._hum())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _hum(self) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        number = 0
        while True:
            at = number % 50 * FRAME_BYTES
            packet = Packet(
                number == 0,
                self._codec,
                (self._start + number) % 2**16,
                number * FRAME_BYTES,
                self._ssrc,
                self._frames[at : at + FRAME_BYTES],
            )
            self._peer.send(packet.encode(), self._port)
            self.packets += self._peer.all_waiting()
            number += 1
            await asyncio.sleep(begun_s + number * FRAME_S - loop.time())

    async def hear(self, frame_count: int) -> list[Packet]:
        """The next packets from now on."""
        self.packets += self._peer.all_waiting()
        before = len(self.packets)
        async with asyncio.timeout(PATIENCE_S):
            while len(self.packets) < before + frame_count:
                await asyncio.sleep(FRAME_S)
        return self.packets[before : before + frame_count]

    async def hear_samples(self, frame_count: int) -> NDArray[np.int16]:
        return samples(await self.hear(frame_count), self._codec)
