"""What happened to calls between two looks at them: each thing is told once, in order."""

from onhook.cli.happenings import Happening, Watch
from onhook.store import AttemptRecord, RefusedRequest, StoredNotification
from onhook.store.reports import CallReport, NotificationReport
from store.samples import call, notification


def texts(found: "list[Happening] | tuple[Happening, ...]") -> list[str]:
    return [one.text for one in found]


def told(*attempts: AttemptRecord, at_ms: int = 1001, **changes: object) -> NotificationReport:
    fields = {"ivr_block": "answer", "call_state": "ringing"}
    one: StoredNotification = notification("S1", 1, fields=fields, created_ms=at_ms, **changes)
    return NotificationReport(one, attempts)


def test_each_thing_is_told_once() -> None:
    watch = Watch()
    began = call(written_ms=1000)
    assert texts(list(watch.news([CallReport(began, [told()])]))) == [
        "in: +6598765432 > +6531234567",
        "ringing",
        "answer ringing: to be told",
    ]
    again = CallReport(began.changed({"written_ms": 1500}), [told()])
    assert watch.news([again]) == []
    assert watch.unsettled(5000) == ["S1"]
    tried = told(AttemptRecord("msg_S1_1", 1, 1100, 9, 500, ""),
                 AttemptRecord("msg_S1_1", 2, 2100, 9, 200, ""), state="delivered")  # fmt: skip
    refused = RefusedRequest("S1", 1, 1600, "ivr/middle/play", "error_msg_invalid_xml", "It is.")
    playing = began.changed(
        {"state": "running", "contact_block": "play", "answered_ms": 1700, "written_ms": 1701}
    )
    assert texts(list(watch.news([CallReport(playing, [tried], [refused])]))) == [
        "answer ringing: attempt 1, HTTP 500",
        "ivr/middle/play refused: error_msg_invalid_xml",
        "answered",
        "running, play",
        "answer ringing: attempt 2, HTTP 200",
    ]
    over = {"state": "ended", "ended_ms": 3000, "ended_by": "caller", "cause": "hangup"}
    ended = CallReport(playing.changed(over), [tried], [refused])
    assert texts(list(watch.news([ended]))) == ["ended: caller hangup"]
    assert watch.news([]) == watch.news([ended]) == []


def test_of_one_millisecond_the_begin_is_first_and_the_end_last() -> None:
    over = {"state": "ended", "ended_ms": 1000, "ended_by": "caller", "cause": "cancelled"}
    began = call(written_ms=1000, began_ms=1000)
    ended = told(AttemptRecord("msg_S1_1", 1, 1000, 9, 200, ""), state="delivered", at_ms=1000)
    refused = RefusedRequest("S1", 1, 1000, "ivr/middle/play", "error_msg_invalid_xml", "It is.")
    news = Watch().news([CallReport(began.changed(over), [ended], [refused])])
    assert texts(list(news)) == [
        "in: +6598765432 > +6531234567",
        "answer ringing: to be told",
        "answer ringing: attempt 1, HTTP 200",
        "ivr/middle/play refused: error_msg_invalid_xml",
        "ended: caller cancelled",
    ]


def test_more_may_come_of_a_call_that_is_told_of_or_ended_a_moment_ago() -> None:
    """How the last delivery went is written behind the end, and so is what was refused."""
    watch = Watch()
    over = {"state": "ended", "ended_ms": 3000, "ended_by": "caller", "cause": "hangup"}
    ended = call(written_ms=3000).changed(over)
    watch.news([CallReport(ended, [told(state="pending")])])
    assert watch.unsettled(9000) == ["S1"]
    tried = told(AttemptRecord("msg_S1_1", 1, 3100, 9, 200, ""), state="delivered")
    assert texts(list(watch.news([CallReport(ended, [tried])]))) == [
        "answer ringing: attempt 1, HTTP 200"
    ]
    assert watch.unsettled(3000) == ["S1"]
    assert watch.unsettled(3001) == []


def test_what_is_given_up_is_said() -> None:
    gone = told(AttemptRecord("msg_S1_1", 1, 1100, 9, None, "it refused"), state="given_up")
    news = Watch().news([CallReport(call(), [gone])])
    assert "answer ringing: attempt 1, it refused" in texts(list(news))
    assert "answer ringing: given up" in texts(list(news))
