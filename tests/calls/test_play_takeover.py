"""What plays in a call that was taken over: what the record says and what the media plane has are brought
together."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from calls.swift import run_swiftly
from calls.test_speaking import Bit
from onhook.call import State
from onhook.call.works import SendingDigits
from onhook.calls.play_takeover import PlayTakeover
from onhook.calls.player import Player
from onhook.calls.playing import Playing, Sort, tag_of_digits, tag_of_sound
from onhook.calls.resources import Resources
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.calls.unrecorded import ASKED_AGAIN_S
from onhook.media import sounds
from onhook.media.found import FoundStream
from onhook.media.play_queue import Playable
from onhook.media.remains import Reached

REQUEST = 3


class Kept(Bit):
    """A prompt that is kept under its name."""

    @property
    def digest(self) -> str:
        """The same name."""
        return self.name


class Stream:
    """What an earlier switch left: the messages up to `last` are known to the plane."""

    is_open = True

    def __init__(self, last: int) -> None:
        self.last = self.newest_play = last
        self.did: list[str] = []
        self.adopted: dict[int, Callable[[float], None]] = {}
        self.stopped: dict[int, Callable[[], None]] = {}

    def adopt_play(
        self,
        play_id: int,
        on_played: Callable[[float], None],
        on_stopped: Callable[[], None],
        **_: object,
    ) -> None:
        self.adopted[play_id] = on_played
        self.stopped[play_id] = on_stopped

    def play(self, prompts: Sequence[Playable], *_: object, done: int = 0, tag: int) -> int:
        return self._queued("play", prompts, done)

    def loop(self, prompts: Sequence[Playable], *, done: int = 0, tag: int) -> int:
        return self._queued("loop", prompts, done)

    def send_digits(self, digits: str, _: object, *, done: int = 0, tag: int) -> int:
        self.did.append(f"digits {digits[done:]}")
        self.last += 1
        return self.last

    def cut(self) -> None:
        self.did.append("cut")

    def stop(self) -> None:
        self.did.append("stop")

    def _queued(self, what: str, prompts: Sequence[Playable], done: int) -> int:
        names = "".join(prompt.name for prompt in prompts if isinstance(prompt, Bit))
        behind = f"behind {done}" if done else ""
        self.did.append(" ".join(filter(None, (what, names, behind))))
        self.last += 1
        return self.last


class Performer:
    """Hears what the call would."""

    def __init__(self, player: Player, resources: Resources) -> None:
        self._player, self._resources = player, resources
        self.heard: list[str] = []

    def on_played(self, request_id: int) -> Callable[[float], None]:
        return lambda _: self.heard.append(f"played {request_id}")

    def on_broken(self, request_id: int) -> Callable[[], None]:
        return lambda: self.heard.append(f"broken {request_id}")

    def on_last(self, recording: str) -> Callable[[int], None] | None:
        return (
            (lambda number: self.heard.append(f"{recording} behind {number}"))
            if recording
            else None
        )

    def play(self, effect: Any, done: int) -> None:
        request, resources = effect.request_id, self._resources
        heard, broken = self.on_played(request), self.on_broken(request)
        self._player.say(
            request,
            resources,
            heard,
            broken,
            beep=effect.beep,
            done=done,
            on_last=self.on_last(effect.recording),
        )

    def send_digits(self, effect: Any, done: int) -> None:
        heard = self.on_played(effect.request_id)
        self._player.send_digits(effect.request_id, effect.digits, heard, done)


class Taken:
    """A call that was taken over, of whose message there are two prompts."""

    def __init__(
        self,
        playing: Playing | None,
        last_play: int,
        reached: Reached | None = None,
        skipped: int = 0,
        looped: PreparedMessage = NOTHING,
        newest: int = 0,
    ) -> None:
        self.stream = Stream(last_play)
        self.written = 0
        self.held = 0
        self.player = Player(self._write)
        self.player.stream = cast(Any, self.stream)
        resources = Resources(PreparedMessage([Kept("a"), Kept("b")]))
        self.performer = Performer(self.player, resources)
        job = SimpleNamespace(work=SendingDigits("12#"))
        self.now = SimpleNamespace(job=job, state=State.RUNNING)
        takeover = PlayTakeover(
            cast(Any, SimpleNamespace(now=self.now)),
            cast(Any, self.performer),
            self.player,
            cast(Any, SimpleNamespace(kept_of=lambda _: resources)),
            FoundStream(20000, 1, last_play),
            self._hold,
            reached=reached,
            skipped=skipped,
            looped=looped,
        )
        takeover.go_on(playing, newest or last_play)

    @property
    def heard(self) -> list[str]:
        return self.performer.heard

    def _write(self) -> None:
        self.written += 1

    def _hold(self) -> Callable[[], None]:
        self.held += 1

        def let_go() -> None:
            self.held -= 1

        return let_go


@pytest.mark.parametrize("sort", list(Sort))
def test_what_plays_plays_on_and_its_end_is_heard(sort: Sort) -> None:
    playing = Playing(sort, REQUEST, 2)
    taken = Taken(playing, 2)
    assert taken.stream.did == []
    assert taken.player.playing == playing
    taken.stream.adopted[2](0.0)
    ends = sort in (Sort.SAY, Sort.BEEP, Sort.DIGITS)
    assert taken.heard == ([f"played {REQUEST}"] if ends else [])
    assert taken.player.playing is None


@pytest.mark.parametrize(
    ("playing", "begun"),
    [
        (Playing(Sort.SAY, REQUEST, 3), "play ab"),
        (Playing(Sort.BEEP, REQUEST, 3), "play"),
        (Playing(Sort.LOOP, REQUEST, 3, message=("a", "b")), "loop ab"),
        (Playing(Sort.RING_BACK, id=3), "loop"),
        (Playing(Sort.DIGITS, REQUEST, 3), "digits 12#"),
    ],
)
def test_what_never_began_begins(playing: Playing, begun: str) -> None:
    """The number is the one that it had in the record: it counts on."""
    taken = Taken(playing, 2)
    assert taken.stream.did == [begun]
    assert taken.player.playing == playing


def numbered(before: int, tag: int) -> int:
    """The number of a message with a tag."""
    return (before >> 32) + 1 << 32 | tag


SAID = numbered(2, tag_of_sound(Playing(Sort.SAY), [Kept("a"), Kept("b")]))
SENT = numbered(2, tag_of_digits("12#"))
BEEP = numbered(1, tag_of_sound(Playing(Sort.BEEP), [sounds.beep()]))


def test_what_plays_though_the_record_says_that_it_was_stopped_is_cut_off() -> None:
    assert Taken(None, 2).stream.did == ["cut"]


def test_what_plays_and_was_not_written_plays_on_when_it_is_asked_for_again() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SAID, newest=2)
        taken.performer.play(SimpleNamespace(request_id=REQUEST, beep=False, recording=""), 0)
        await asyncio.sleep(2 * ASKED_AGAIN_S)
        return taken

    taken = run_swiftly(scene())
    assert taken.stream.did == []
    assert taken.player.playing == Playing(Sort.SAY, REQUEST, SAID)
    taken.stream.adopted[SAID](0.0)
    assert taken.heard == [f"played {REQUEST}"]
    assert taken.player.playing is None


def test_what_was_over_by_then_is_not_said_again() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SAID, newest=2)
        taken.stream.adopted[SAID](7.0)
        taken.performer.play(SimpleNamespace(request_id=REQUEST, beep=False, recording=""), 0)
        assert taken.heard == []
        await asyncio.sleep(0)
        return taken

    taken = run_swiftly(scene())
    assert (taken.stream.did, taken.heard) == ([], [f"played {REQUEST}"])


def test_of_what_may_still_be_asked_for_the_next_switch_hears_as_much() -> None:
    """It is not among what was written, and its end is told again until it is on disk what came of that."""

    async def scene() -> None:
        taken = Taken(None, SAID, newest=2)
        assert (taken.player.newest, taken.held) == (2, 0)
        taken.stream.adopted[SAID](7.0)
        assert (taken.player.newest, taken.held) == (2, 1)
        taken.performer.play(SimpleNamespace(request_id=REQUEST, beep=False, recording=""), 0)
        assert (taken.player.newest, taken.held) == (SAID, 1)
        await asyncio.sleep(0)
        assert (taken.heard, taken.held) == ([f"played {REQUEST}"], 0)

    run_swiftly(scene())


@pytest.mark.parametrize("how", ["played", "stopped"])
def test_what_nobody_asks_for_again_is_over_for_the_next_switch_as_well(how: str) -> None:
    async def scene() -> None:
        taken = Taken(None, SAID, newest=2)
        if how == "played":
            taken.stream.adopted[SAID](7.0)
        else:
            taken.stream.stopped[SAID]()
        assert (taken.held, taken.written) == (1, 0)
        await asyncio.sleep(2 * ASKED_AGAIN_S)
        assert (taken.held, taken.written) == (0, 1)
        assert taken.player.newest == SAID

    run_swiftly(scene())


def test_what_was_cut_off_by_then_is_said_again() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SAID, newest=2)
        taken.stream.stopped[SAID]()
        taken.performer.play(SimpleNamespace(request_id=REQUEST, beep=False, recording=""), 0)
        return taken

    assert run_swiftly(scene()).stream.did == ["cut", "play ab"]


def test_keys_that_are_asked_for_again_go_on() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SENT, newest=2)
        taken.performer.send_digits(SimpleNamespace(request_id=REQUEST, digits="12#"), 0)
        return taken

    taken = run_swiftly(scene())
    assert taken.stream.did == []
    taken.stream.adopted[SENT](0.0)
    assert taken.heard == [f"played {REQUEST}"]


def test_something_else_is_said_instead() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SENT, newest=2)
        taken.performer.play(SimpleNamespace(request_id=REQUEST, beep=False, recording=""), 0)
        return taken

    assert run_swiftly(scene()).stream.did == ["cut", "play ab"]


def test_what_nobody_asks_for_again_is_cut_off() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SAID, newest=2)
        await asyncio.sleep(ASKED_AGAIN_S - 0.01)
        assert taken.stream.did == []
        await asyncio.sleep(0.02)
        return taken

    assert run_swiftly(scene()).stream.did == ["cut"]


def test_while_a_request_is_prepared_it_plays_on() -> None:
    async def scene() -> Taken:
        taken = Taken(None, SAID, newest=2)
        taken.now.state = State.PREPARING
        await asyncio.sleep(4 * ASKED_AGAIN_S)
        assert taken.stream.did == []
        taken.now.state = State.WAITING
        await asyncio.sleep(2 * ASKED_AGAIN_S)
        return taken

    assert run_swiftly(scene()).stream.did == ["cut"]


def test_a_beep_that_had_begun_is_heard_once() -> None:
    """The end of the message was not written, nor that there was a beep then: it is told again."""

    async def scene() -> Taken:
        taken = Taken(Playing(Sort.SAY, REQUEST, 1, beep=True), BEEP, newest=1)
        taken.stream.adopted[1](0.0)
        return taken

    taken = run_swiftly(scene())
    assert taken.stream.did == []
    assert taken.player.playing == Playing(Sort.BEEP, REQUEST, BEEP)
    taken.stream.adopted[BEEP](0.0)
    assert taken.heard == [f"played {REQUEST}"]


def test_what_was_cut_off_and_nobody_says_why_is_said_anew() -> None:
    async def scene() -> Taken:
        taken = Taken(Playing(Sort.SAY, REQUEST, 1), 1)
        taken.stream.stopped[1]()
        await asyncio.sleep(2 * ASKED_AGAIN_S)
        return taken

    assert run_swiftly(scene()).stream.did == ["play ab"]


def test_what_is_cut_off_for_something_else_is_over() -> None:
    async def scene() -> Taken:
        taken = Taken(Playing(Sort.SAY, REQUEST, 1), 1)
        taken.stream.stopped[1]()
        taken.player.stop_playing()
        await asyncio.sleep(2 * ASKED_AGAIN_S)
        return taken

    assert run_swiftly(scene()).stream.did == ["stop"]


def test_a_message_whose_end_was_being_made_is_broken_off_behind_what_there_is() -> None:
    taken = Taken(Playing(Sort.SAY, REQUEST, 1, rest=True), 4)
    assert taken.stream.did == []
    taken.stream.adopted[4](0.0)
    assert taken.heard == [f"broken {REQUEST}"]


def test_a_beep_follows_the_message() -> None:
    taken = Taken(Playing(Sort.SAY, REQUEST, 1, beep=True), 1)
    taken.stream.adopted[1](0.0)
    assert taken.stream.did == ["play"]
    assert taken.player.playing == Playing(Sort.BEEP, REQUEST, 2)
    assert taken.heard == []


def test_a_message_that_is_to_be_repeated_is_repeated_when_it_was_said() -> None:
    taken = Taken(Playing(Sort.SAY, REQUEST, 1, loops=True), 1)
    taken.stream.adopted[1](0.0)
    assert taken.stream.did == ["loop ab"]


# The plane that it played in is dead, and another one has the stream.


@pytest.mark.parametrize(
    ("playing", "reached", "did"),
    [
        (Playing(Sort.SAY, REQUEST, 3), Reached(3, 17, 2, 0), "play ab behind 17"),
        (Playing(Sort.SAY, REQUEST, 3), Reached(2, 17, 1, 0), "play ab"),
        (Playing(Sort.SAY, REQUEST, 3), Reached(0, 17, 2, 0), "play ab"),
        (Playing(Sort.SAY, REQUEST, 3, beep=True), Reached(0, 0, 3, 0), "play"),
        (Playing(Sort.SAY, REQUEST, 3, parts=(5, 7)), Reached(2, 4, 1, 0), "play ab behind 4"),
        (Playing(Sort.SAY, REQUEST, 3, parts=(5, 7)), Reached(3, 4, 2, 0), "play ab behind 9"),
        (Playing(Sort.SAY, REQUEST, 3, parts=(5, 7)), Reached(0, 0, 2, 0), "play ab behind 5"),
        (Playing(Sort.SAY, REQUEST, 3, loops=True), Reached(3, 4, 2, 0), "loop ab behind 4"),
        (Playing(Sort.SAY, REQUEST, 3, loops=True), Reached(0, 4, 3, 0), "loop ab"),
        (Playing(Sort.LOOP, REQUEST, 3), Reached(3, 21, 2, 0), "loop ab behind 21"),
        (Playing(Sort.DIGITS, REQUEST, 3), Reached(3, 2, 2, 0), "digits #"),
    ],
)
def test_it_goes_on_where_the_dead_plane_was(playing: Playing, reached: Reached, did: str) -> None:
    assert Taken(playing, 0, reached).stream.did == [did]


def test_what_was_skipped_before_counts() -> None:
    taken = Taken(Playing(Sort.SAY, REQUEST, 3), 0, Reached(3, 5, 2, 0), skipped=30)
    assert taken.stream.did == ["play ab behind 35"]


@pytest.mark.parametrize(
    ("playing", "heard"),
    [
        (Playing(Sort.SAY, REQUEST, 3), "played"),
        (Playing(Sort.BEEP, REQUEST, 3), "played"),
        (Playing(Sort.DIGITS, REQUEST, 3), "played"),
        (Playing(Sort.SAY, REQUEST, 3, rest=True), "broken"),
    ],
)
async def test_what_was_heard_out_is_not_heard_again(playing: Playing, heard: str) -> None:
    """A message that was being made is broken off behind what there was of it, as ever."""
    taken = Taken(playing, 0, Reached(0, 0, 3, 0))
    assert (taken.stream.did, taken.heard) == ([], [])
    await asyncio.sleep(0)
    assert taken.heard == [f"{heard} {REQUEST}"]
    assert taken.player.playing is None


def test_what_is_repeated_outlives_its_request() -> None:
    looped = PreparedMessage([Bit("c")])
    taken = Taken(Playing(Sort.LOOP, REQUEST, 3), 0, Reached(3, 4, 2, 0), looped=looped)
    assert taken.stream.did == ["loop c behind 4"]
