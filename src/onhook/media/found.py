"""What a plane goes on doing for a switch that is gone, as its next switch finds it.

A plane that is a process of its own outlives its switch: calls are sent what plays, bridges and rooms stay,
recordings go on, and what happens waits to be told. The next switch asks for it by the local port of each
stream:

    plane.attach(link)                          # nothing is told yet
    found = plane.found()                       # by port
    stream = plane.adopt(found[port], codec=codec, dtmf_payload_type=101, listener=listener)
    stream.adopt_play(play_id, on_played, on_stopped)
    plane.let_go_of_rest()                      # what nobody adopted ends
    plane.resume()                              # what happened is told, the oldest first

What is told has a number, which counts on from one switch to the next. It is told again to the next switch
until it is acknowledged: see `MediaPlane.on_taken`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FoundStream:
    """A stream of an earlier switch that is still open."""

    port: int
    """The local port, by which it is known."""
    handle: int
    """What the plane calls it."""
    last_play: int
    """The highest number of a message that was ever queued on it (`Stream.play()` returns it); 0 for none.
    Up to here messages play, were played, or were stopped, and their end is told after
    `MediaPlane.resume()` unless that was acknowledged."""
    queued: int = 0
    """How many pieces of messages wait to be played."""
    bridged_to: int | None = None
    """The port of the stream that it is bridged to."""
    room: int | None = None
    """The handle of the room that it is in, for `MediaPlane.adopt_room()`."""
    recordings: Mapping[int, int] = field(default_factory=dict)
    """Handles of its recordings by the tags that they were begun with: those that go on, and those whose
    end is still to be told."""
