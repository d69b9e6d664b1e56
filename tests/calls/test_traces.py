"""What is remembered of calls until it is written: whose a message is, and how much of it there may be."""

from collections.abc import Sequence

from onhook import call as machine
from onhook.calls.traces import MOST_BYTES, MOST_ENTRIES, Recorder
from onhook.media.measured import Measured
from onhook.store import CallRecord, StoredDialogs, Writes
from onhook.store.traces import Entry, Part
from store.samples import call

PEER = ("192.0.2.7", 5060)


def message(call_id: str, first: str = "INVITE sip:x SIP/2.0", header: str = "Call-ID") -> bytes:
    return f"{first}\r\nVia: x\r\n{header}: {call_id}\r\nCSeq: 1 INVITE\r\n\r\n".encode()


class Kept:
    """What a recorder hands on."""

    def __init__(self, *, private: bool = False) -> None:
        self.parts: list[Part] = []
        self.recorder = Recorder(self.parts.extend, private=private)

    def of(self, session: str) -> list[Entry]:
        self.recorder.flush()
        return [entry for part in self.parts if part.session == session for entry in part.entries]


class Looked:
    """Counts on with each look."""

    def __init__(self) -> None:
        self.looks = 0

    def measure(self) -> Measured:
        self.looks += 1
        return Measured(*(self.looks,) * 10)


def writes(*records: CallRecord) -> Writes:
    return Writes(calls=records)


def record(session: str = "S1", *call_ids: str, **changes: object) -> CallRecord:
    dialogs = tuple({"call_id": one} for one in call_ids)
    return call(session, dialog=StoredDialogs(dialogs), **changes)


def texts(entries: Sequence[Entry]) -> list[str]:
    return [f"{one.kind} {one.said.splitlines()[0].decode()}" for one in entries]


def test_messages_before_and_after_the_record_are_of_its_call() -> None:
    kept = Kept()
    kept.recorder.sip("in", message("a"), PEER)
    kept.recorder.sip("in", message("b"), PEER)
    kept.recorder.written(writes(record("S1", "a")))
    kept.recorder.sip("out", message("a", "SIP/2.0 180 Ringing"), PEER)
    kept.recorder.sip("in", message("a", "BYE sip:x SIP/2.0", header="i"), PEER)
    assert texts(kept.of("S1")) == [
        "sip-in INVITE sip:x SIP/2.0",
        "state ringing",
        "sip-out SIP/2.0 180 Ringing",
        "sip-in BYE sip:x SIP/2.0",
    ]
    assert kept.of("S1")[0].whom == "192.0.2.7:5060"
    assert [part.session for part in kept.parts] == ["S1"]


def test_states_are_noted_once_and_requests_with_their_time() -> None:
    kept = Kept()
    for state, block in (("ringing", "answer"), ("ringing", "answer"), ("running", "play")):
        kept.recorder.written(writes(record("S1", "a", state=state, contact_block=block)))
    kept.recorder.asked("S1", "play", 7)
    kept.recorder.asked("nobody", "play", 7)
    over = {"state": "ended", "ended_ms": 1, "ended_by": "caller", "cause": "hangup"}
    kept.recorder.written(writes(record("S1", **over)))
    assert texts(kept.of("S1")) == [
        "state ringing answer",
        "state running play",
        "request play",
        "state ended caller hangup",
    ]


def test_keys_are_noted_and_not_which() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    for event in (machine.Digit(1.0, "7"), machine.Played(2.0, 1), machine.Acknowledged(3.0)):
        kept.recorder.happened("S1", event)
        kept.recorder.happened("nobody", event)
    assert texts(kept.of("S1"))[1:] == ["event key •"]
    kept = Kept(private=True)
    kept.recorder.written(writes(record("S1", "a")))
    kept.recorder.happened("S1", machine.Digit(1.0, "7"))
    assert texts(kept.of("S1"))[1:] == ["event key 7"]


def test_replies_are_noted_without_secrets() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    reply = {"session": "S1", "access_token": "abc", "Secret_2": "def"}
    kept.recorder.replied("S1", "dial", reply)
    kept.recorder.replied("nobody", "dial", reply)
    said = '{"status":"success_ok","session":"S1","access_token":"***","Secret_2":"***"}'
    assert texts(kept.of("S1"))[1:] == [f"reply dial: {said}"]


def test_figures_of_audio_are_written_together_and_with_the_end() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    kept.recorder.flush()
    del kept.parts[:]
    look = Looked()
    for _ in range(2):
        kept.recorder.measured("S1", "", look.measure())
        kept.recorder.flush()
    assert kept.parts == []
    kept.recorder.measured("S1", "", look.measure())
    kept.recorder.measured("S2", "", look.measure())
    assert len(kept.of("S1")) == 3
    assert len(kept.parts) == 1
    kept.recorder.measured("S1", "", look.measure())
    kept.recorder.flush(everything=True)
    assert len(kept.parts) == 2


def test_figures_of_a_call_of_a_day_are_bounded_and_take_nothing_of_its_messages() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    look = Looked()
    for _ in range(2 * 24 * 720):
        kept.recorder.measured("S1", "", look.measure())
    found = kept.of("S1")
    assert sum(one.kind == "media" for one in found) < 4000
    kept.recorder.sip("in", message("a", "BYE sip:x SIP/2.0"), PEER)
    assert texts(kept.of("S1")[-1:]) == ["sip-in BYE sip:x SIP/2.0"]


def test_a_call_of_another_process_is_known_by_its_dialogs() -> None:
    kept = Kept()
    kept.recorder.left([record("S1", "a", state="running")], [record("S2", "b", state="ended")])
    for call_id in ("a", "b"):
        kept.recorder.sip("in", message(call_id, "BYE sip:x SIP/2.0"), PEER)
    over = {"state": "ended", "ended_ms": 1, "ended_by": "caller", "cause": "hangup"}
    kept.recorder.written(writes(record("S1", **over)))
    assert texts(kept.of("S1")) == [
        "event another process of Onhook goes on with it",
        "state running",
        "sip-in BYE sip:x SIP/2.0",
        "state ended caller hangup",
    ]
    assert texts(kept.of("S2"))[-1] == "sip-in BYE sip:x SIP/2.0"


def test_noise_of_strangers_takes_nothing_of_calls_that_go_on() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    for number in range(5000):
        for _ in range(20):
            kept.recorder.sip("in", message(f"noise{number}"), PEER)
    kept.recorder.sip("in", message("a"), PEER)
    assert texts(kept.of("S1"))[-1] == "sip-in INVITE sip:x SIP/2.0"
    kept.recorder.written(writes(record("S2", "noise4999", "noise0")))
    assert len(kept.of("S2")) == 8 + 1


def test_messages_of_strangers_are_short_in_all() -> None:
    """However long each is: a hundred thousand of sixteen kilobytes would be a gigabyte and more."""
    kept = Kept()
    for number in range(1000):
        kept.recorder.sip("in", message(f"noise{number}") + b"x" * 16_000, PEER)
    kept.recorder.written(writes(*[record(f"S{n}", f"noise{n}") for n in range(1000)]))
    kept.recorder.flush()
    found = [one for part in kept.parts for one in part.entries if one.kind == "sip-in"]
    assert 200 < len(found) <= 4_000_000 / 16_000
    kept.recorder.sip("in", message("late"), PEER)
    kept.recorder.written(writes(record("Slate", "late")))
    assert len(kept.of("Slate")) == 2


def test_a_call_that_says_very_much_is_cut() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a"), record("S2", "b")))
    for _ in range(2 * MOST_ENTRIES):
        kept.recorder.sip("in", message("a"), PEER)
        kept.recorder.sip("in", message("b") + b"x" * 5000, PEER)
    assert len(kept.of("S1")) < MOST_ENTRIES
    assert sum(len(one.said) for one in kept.of("S2")) < MOST_BYTES


def test_secrets_do_not_get_this_far() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    secret = b"\r\nAuthorization: Digest response=secret\r\n\r\n"
    kept.recorder.sip("out", message("a").replace(b"\r\n\r\n", secret), PEER)
    assert b"secret" not in kept.of("S1")[-1].said


def test_what_a_call_says_is_read_as_it_was_when_it_passed() -> None:
    """Though its entries are made later, elsewhere: a reply may be another's by then."""
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    reply: dict[str, object] = {"session": "S1"}
    kept.recorder.replied("S1", "dial", reply)
    reply["session"] = "changed"
    kept.recorder.noted("S1", "played", lambda: "plays \ud800")
    assert texts(kept.of("S1"))[1:] == [
        'reply dial: {"status":"success_ok","session":"S1"}',
        "played plays ?",
    ]


def test_texts_are_made_only_when_they_are_written() -> None:
    kept = Kept()
    kept.recorder.written(writes(record("S1", "a")))
    made: list[str] = []

    def say() -> str:
        made.append("text")
        return "plays speech"

    kept.recorder.noted("S1", "played", say)
    kept.recorder.flush()
    assert made == []
    assert texts(kept.of("S1"))[-1] == "played plays speech"


def test_garbage_is_of_nobody() -> None:
    kept = Kept()
    for data in (b"", b"\r\n\r\n", b"\x00" * 50, b"INVITE\r\nCall-ID: "):
        kept.recorder.sip("in", data, PEER)
    assert kept.of("S1") == []
