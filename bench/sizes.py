"""How much is measured: for figures that count, within an hour; or in a few minutes, to try it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the measurements in `measures.py`. Rates are in calls a second."""

    rounds: int
    hour_s: float
    """Nothing is begun that would not be through by then."""
    begins: int
    """Where the search for the highest rate begins, and for that of the peer."""
    peer_begins: int
    step: int
    level_s: float
    search_s: float
    postgresql_s: float
    steady: int
    """The rate at which the CPU of a call is measured."""
    steady_s: float
    playing: tuple[int, ...]
    peer_playing: tuple[int, ...]
    playing_step: int
    srtp: tuple[int, ...]
    window_s: float
    hangups: int
    others: int
    """Calls that play meanwhile."""
    messages: int
    spoken: int
    """Messages in each voice before memory is measured again."""
    idle_s: float
    heard: int
    """Messages that are looked at to their last sample, of so many lengths:"""
    lengths: int
    pairs: int
    relay_s: float
    beside: tuple[int, ...]
    peer_beside: tuple[int, ...]
    beside_s: float


FULL: Final = Sizes(
    rounds=3,
    hour_s=3480,
    begins=200,
    peer_begins=150,
    step=25,
    level_s=6,
    search_s=90,
    postgresql_s=60,
    steady=150,
    steady_s=10,
    playing=(10, 100, 500, 1000, 2000, 3000, 4000, 4500, 5000),
    peer_playing=(10, 100, 300, 500, 600, 700, 800, 900, 1000),
    playing_step=100,
    srtp=(100, 1000, 1500, 2000, 2500, 3000),
    window_s=5,
    hangups=300,
    others=500,
    messages=50,
    spoken=8,
    idle_s=10,
    heard=60,
    lengths=12,
    pairs=200,
    relay_s=8,
    beside=(0, 50, 100, 200, 300, 400, 500),
    peer_beside=(0, 50, 100, 150, 200, 250, 300),
    beside_s=7,
)

QUICK: Final = Sizes(
    rounds=1,
    hour_s=900,
    begins=100,
    peer_begins=100,
    step=50,
    level_s=3,
    search_s=15,
    postgresql_s=10,
    steady=50,
    steady_s=4,
    playing=(10, 100, 300),
    peer_playing=(10, 100, 300),
    playing_step=200,
    srtp=(100, 200),
    window_s=3,
    hangups=40,
    others=100,
    messages=6,
    spoken=2,
    idle_s=4,
    heard=8,
    lengths=4,
    pairs=20,
    relay_s=3,
    beside=(0, 50),
    peer_beside=(0, 50),
    beside_s=3,
)
