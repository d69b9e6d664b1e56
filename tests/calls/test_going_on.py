"""What the record of a call says of how it goes on is what another process reads."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from call.at_work import GATHER, JOINED, LISTENING, begun
from call.lives import CLOSING, ENDED, PREPARING_LATER, RINGING, WAITING, Life
from onhook.billing import Rate
from onhook.call import Call, snapshot
from onhook.calls import call_record, going_on, kept_resources, recovery
from onhook.calls.call_book import CallBook
from onhook.calls.callees import Callee, Route
from onhook.calls.going_on import KeptCall, KeptLeg, NotAdoptable
from onhook.calls.keeping import Keeping
from onhook.calls.kept_audio import NO_AUDIO, KeptAudio
from onhook.calls.keypad import BY_INFO, IN_RTP, Keypad
from onhook.calls.playing import Playing, Sort
from onhook.calls.resources import Resources
from onhook.calls.rooms import Rooms
from onhook.calls.sealing import Sealing
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.media import sounds
from onhook.numbers import E164
from onhook.phone.trunk import ShownCaller, Trunk
from onhook.store import NOT_GOING_ON, Keyring, StoredGoingOn
from onhook.store.json_columns import GoingOnColumn
from store.samples import call as record_of

KEY = "inline:secret-key-of-srtp"
PHONE = {"v": 1, "dialog": {"call_id": "a@b"}, "keys": {"srtp": KEY}}
LEG = KeptLeg({"phone": PHONE, "anywhere": False}, 20000)


@pytest.fixture(scope="module")
def sealing() -> Sealing:
    keyring = Keyring(b"k" * 43 + b"=")
    return Sealing(keyring.encrypt, keyring.decrypt)


def written(kept: KeptCall, sealing: Sealing) -> str:
    return GoingOnColumn().text(kept.stored(sealing))


def again(kept: KeptCall, sealing: Sealing) -> KeptCall:
    """What another process reads of it."""
    return going_on.read(GoingOnColumn().value(written(kept, sealing)), sealing)


@pytest.mark.parametrize("path", [RINGING, WAITING, begun(GATHER), LISTENING, JOINED])
def test_a_call_is_read_as_it_was_written(path: Any, sealing: Sealing) -> None:
    keys = ((IN_RTP, "5", 12.25), (BY_INFO, "#", 12.5))
    peer = LEG._replace(port=20002, recordings=("one", "two"))
    kept = KeptCall(Life(path).call, 17, (LEG, peer), {"digits": "1,2"}, 4711, keys)
    assert again(kept, sealing) == kept


@pytest.mark.parametrize(
    "playing",
    [
        *(Playing(sort, 3, 7) for sort in Sort),
        Playing(Sort.SAY, 3),
        Playing(Sort.SAY, 3, 9, beep=True),
        Playing(Sort.SAY, 3, 9, rest=True, loops=True),
        Playing(Sort.SAY, 3, 9, parts=(5, 7)),
        Playing(Sort.LOOP, 3, 9, message=("ab", "cd")),
        Playing(Sort.RING_BACK, id=2),
    ],
)
def test_what_plays_is_read_as_it_was_written(playing: Playing, sealing: Sealing) -> None:
    kept = KeptCall(Life(WAITING).call, 0, (LEG._replace(playing=playing),), {})
    assert again(kept, sealing).first.playing == playing


def test_keys_are_on_no_disk(sealing: Sealing) -> None:
    text = written(KeptCall(Life(WAITING).call, 0, (LEG, LEG), {}), sealing)
    assert "secret-key" not in text
    assert "a@b" in text


def test_another_key_opens_nothing(sealing: Sealing) -> None:
    other = Keyring(b"o" * 43 + b"=")
    stored = KeptCall(Life(WAITING).call, 0, (LEG,), {}).stored(sealing)
    with pytest.raises(Exception, match="does not fit"):
        going_on.read(stored, Sealing(other.encrypt, other.decrypt))


GOOD: dict[str, Any] = {
    "v": going_on.VERSION,
    "plane": 1,
    "call": snapshot.of(Life(WAITING).call),
    "event": 3,
    "legs": [{"leg": {"phone": {}}, "port": 20000}],
    "request": {},
}


@pytest.mark.parametrize(
    "found",
    [
        {},
        {**GOOD, "v": 0},
        {**GOOD, "call": {**GOOD["call"], "state": "asleep"}},
        {**GOOD, "call": None},
        {**GOOD, "event": "three"},
        {**GOOD, "legs": []},
        {**GOOD, "legs": GOOD["legs"] * 3},
        {**GOOD, "legs": [{"port": 20000}]},
        {**GOOD, "legs": [{**GOOD["legs"][0], "playing": {"what": "a film", "id": 1}}]},
        {**GOOD, "request": 7},
        {**GOOD, "keys": [["rtp", "5"]]},
        *({name: one for name, one in GOOD.items() if name != left} for left in GOOD),
    ],
)
def test_what_cannot_be_read_is_not_adopted(found: Mapping[str, Any], sealing: Sealing) -> None:
    assert going_on.read(StoredGoingOn.of(GOOD), sealing).event == 3
    with pytest.raises(NotAdoptable):
        going_on.read(StoredGoingOn.of(found), sealing)


# What is written with a change ------------------------------------------------------------------


class Parts:
    """All that the parts of a call are asked, and how often its phone was."""

    def __init__(self, sealing: Sealing) -> None:
        self.asked = 0
        self.reserved, self.port, self.recordings = True, 20000, ()
        self.playing: Playing | None = None
        self.newest = 0
        self.player, self.plane, self.sealing = self, self, sealing
        self.peer = None
        self.event_at_hand, self.last_pid, self.audio = 5, 99, NO_AUDIO
        self.keypad = Keypad(lambda _: None, lambda _: None)
        self.request: Mapping[str, object] = {}
        mine = cast(Any, self)
        self.keeping = Keeping(mine, mine, mine, cast(Any, _Requests(self)), self.keypad, mine)

    def kept(self) -> Mapping[str, object]:
        self.asked += 1
        return LEG.kept

    def now(self, call: Call, *, legs: bool = False) -> KeptCall | None:
        """What would be written."""
        stored = self.keeping.now(call, legs=legs)
        return None if stored is None else going_on.read(stored, self.sealing)


class _Requests:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def kept(self) -> Mapping[str, object]:
        return self._parts.request


def test_a_change_is_written_once(sealing: Sealing) -> None:
    parts, call = Parts(sealing), Life(WAITING).call
    first = parts.now(call)
    assert first is not None
    assert (first.call, first.event, first.plane, first.legs) == (call, 5, 99, (LEG,))
    assert parts.now(call) is None
    assert parts.now(call, legs=True) is None
    parts.playing = Playing(Sort.LOOP, 1, 4)
    changed = parts.now(call)
    assert changed is not None
    assert changed.first.playing == parts.playing
    parts.request = {"room": "R", "muted": True}
    changed = parts.now(call)
    assert changed is not None
    assert changed.request == parts.request
    parts.last_pid = 100
    changed = parts.now(call)
    assert changed is not None
    assert changed.plane == 100
    parts.audio = KeptAudio(7, 2**31, 12, ("192.0.2.7", 4000), (15_000,))
    changed = parts.now(call)
    assert changed is not None
    assert changed.first.audio == parts.audio


def test_a_request_that_is_prepared_changes_nothing(sealing: Sealing) -> None:
    parts = Parts(sealing)
    assert parts.now(Life(WAITING).call) is not None
    assert parts.now(Life(PREPARING_LATER).call) is None
    assert parts.now(replace(Life(PREPARING_LATER).call, typed="7")) is not None


def test_another_media_plane_is_written_also_while_a_request_is_prepared(sealing: Sealing) -> None:
    """The memory of those that died before the last four is not kept."""
    parts = Parts(sealing)
    assert parts.now(Life(WAITING).call) is not None
    parts.last_pid = 100
    written = parts.now(Life(PREPARING_LATER).call)
    assert written is not None
    assert written.plane == 100


def test_nothing_goes_on_of_a_call_on_its_way_out(sealing: Sealing) -> None:
    parts = Parts(sealing)
    assert parts.now(Life(CLOSING).call, legs=True) is None
    assert parts.asked == 0


def test_a_record_of_a_call_on_its_way_out_says_nothing_of_it() -> None:
    """Neither by what became of the call, nor after a crash with which nobody could go on."""
    record = record_of(going_on=StoredGoingOn.of(GOOD), state="waiting", began_ms=1)
    for path in (CLOSING, ENDED):
        changes = call_record.changes(record, Life(path).call, told=0, dialog=None)
        assert record.changed(changes).going_on is NOT_GOING_ON
    assert "going_on" not in call_record.changes(record, Life(WAITING).call, told=0, dialog=None)
    assert recovery.ended(record, None, 2)[0].going_on is NOT_GOING_ON


def test_phones_are_asked_where_they_had_a_part(sealing: Sealing) -> None:
    parts = Parts(sealing)
    parts.now(Life(WAITING).call, legs=True)
    parts.now(Life(begun(GATHER)).call)
    assert parts.asked == 1
    parts.now(Life(LISTENING).call, legs=True)
    assert parts.asked == 2


async def test_a_key_told_twice_counts_once_in_the_next_process_too(sealing: Sealing) -> None:
    parts = Parts(sealing)
    parts.keypad.in_rtp("5")
    parts.keypad.by_info("6", events=True)
    kept = parts.now(Life(WAITING).call)
    assert kept is not None
    pressed: list[str] = []
    keypad = Keypad(pressed.append, lambda _: None)
    keypad.resume(again(kept, sealing).keys)
    keypad.by_info("5", events=True)
    keypad.in_rtp("6")
    assert pressed == []
    keypad.by_info("5", events=True)
    assert pressed == ["5"]


# What a request needs ----------------------------------------------------------------------------

TRUNKS = {"one": Trunk("192.0.2.1"), "two": Trunk("192.0.2.2")}


def kept_and_restored(resources: Resources, trunks: Mapping[str, Trunk] = TRUNKS) -> Resources:
    found = json.loads(json.dumps(kept_resources.kept(resources)))
    return kept_resources.restored(found, {"a" * 64: sounds.beep()}.get, trunks)


def test_whom_a_call_is_to_be_joined_to_is_read_as_it_was_written() -> None:
    routes = (
        Route("one", TRUNKS["one"], ShownCaller("+6531234567")),
        Route("two", TRUNKS["two"], ShownCaller("", True)),
    )
    callee = Callee(E164("+6598765432"), routes, (("X-A", "1"), ("X-A", "2")))
    resources = Resources(callee=callee, digits="1,2#", rate=Rate("SGD", Decimal("0.123"), 60, 6))
    assert kept_and_restored(resources) == resources
    without = kept_and_restored(resources, {"two": TRUNKS["two"]})
    assert without.callee == Callee(callee.number, routes[1:], callee.headers)
    assert kept_and_restored(resources, {}).callee is None


class _Prompt:
    """A prompt that is kept under a digest."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self.file, self.first, self.frame_count = sounds.beep().file, 0, 1


def test_a_message_is_opened_again_whole_or_not_at_all() -> None:
    kept, gone, piece = _Prompt("a" * 64), _Prompt("b" * 64), _Prompt("")
    message = kept_and_restored(Resources(message=PreparedMessage((kept, kept)))).message
    assert list(message.first) == [sounds.beep(), sounds.beep()]
    for prompts in ((), (kept, gone), (kept, piece)):
        assert kept_and_restored(Resources(message=PreparedMessage(prompts))).message is NOTHING


def test_a_seat_is_known_by_its_room() -> None:
    seat = Rooms(lambda _: cast(Any, None)).seat("A", "R1")
    assert kept_resources.kept(Resources(seat=seat)) == {"room": "R1"}
    seat.mute(True)
    assert kept_resources.kept(Resources(seat=seat)) == {"room": "R1", "muted": True}


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({}, "first"),
        ({"answered_ms": 5, "tag": ""}, ""),
        ({"direction": "out", "tag": "its"}, "its"),
    ],
)
async def test_the_tag_of_a_call_is_that_of_its_first_request(
    changes: dict[str, Any], tag: str
) -> None:
    """Whichever process was asked first."""

    class Nobody:
        srtp = ""

        def write(self, *_: object, **__: object) -> None: ...

    nobody = cast(Any, Nobody())
    book = CallBook(record_of(state="ringing", **changes), nobody, nobody, nobody, lambda _: None)
    book.take_over()
    request = SimpleNamespace(media=False, tag="first", key=None)
    pending = cast(Any, SimpleNamespace(request=request, reply={}))
    book.write(Life(WAITING).call, [pending], (), None)
    assert book.record.tag == tag
