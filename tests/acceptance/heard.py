"""Sounds of calls: where they are fetched, and how much of something is in them."""

import io

import aiohttp
import numpy as np
import soundfile

from onhook.testing.g711 import Pcm
from onhook.testing.tones import find_tones


async def fetch(url: str) -> tuple[Pcm, int]:
    """A recording, and its rate."""
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return sound(await reply.read())


def sound(data: bytes) -> tuple[Pcm, int]:
    """What a sound file holds, and its rate."""
    pcm, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    return np.asarray(pcm, dtype=np.int16), int(rate)


def tone_s(pcm: Pcm, rate: int, *, hz: float) -> float:
    """How much of a tone is in a sound."""
    return sum(end - start for start, end in find_tones(pcm, hz, rate)) / 1000
