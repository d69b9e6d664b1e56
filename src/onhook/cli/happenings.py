"""What has happened to calls between two looks at them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from onhook.calls.why import known
from onhook.store import CallRecord
from onhook.store.reports import WAITING, CallReport, NotificationReport

KINDS = ("call", "notification", "request")
_REMEMBERED = 10_000

_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a call."""

    at_ms: int
    """When, in milliseconds since the epoch."""
    session: str
    kind: str
    """``call``, ``notification`` or ``request`` (one that was refused)."""
    text: str


class Watch:
    """Remembers what was seen of calls: of those that are looked at, and of the last 10,000."""

    def __init__(self) -> None:
        self._seen: dict[str, set[_Key]] = {}
        self._settled_ms: dict[str, int | None] = {}
        """When each call ended that was looked at; None where more was to come of it."""

    def unsettled(self, since_ms: int) -> Sequence[str]:
        """Calls that were not over when they were last looked at, or not told of, or have ended since then:
        what is refused, and how a delivery went, is written behind that."""
        return [
            session
            for session, ended_ms in self._settled_ms.items()
            if ended_ms is None or ended_ms >= since_ms
        ]

    def news(self, reports: Sequence[CallReport]) -> Sequence[Happening]:
        """What was not seen before, in order."""
        found: list[tuple[_Key, Happening]] = []
        for report in reports:
            session = report.call.session
            before = self._seen.pop(session, set())
            happened = dict(_happenings(report))
            found += [(key, one) for key, one in happened.items() if key not in before]
            self._seen[session] = before | set(happened)
        self._settled_ms = {one.call.session: _settled_ms(one) for one in reports}
        for session in list(self._seen)[: max(0, len(self._seen) - _REMEMBERED)]:
            if session not in self._settled_ms:
                del self._seen[session]
        return [one for _, one in sorted(found, key=_place)]


def _place(happened: tuple[_Key, Happening]) -> tuple[int, int, int]:
    """What comes before what: of one millisecond a call's begin is first, and its end last."""
    (what, *_), one = happened
    return one.at_ms, (what == "ended") - (what == "began"), KINDS.index(one.kind)


def _settled_ms(report: CallReport) -> int | None:
    """When a call ended of which everything was told; None of another."""
    waiting = any(one.notification.state in WAITING for one in report.notifications)
    return None if waiting else report.call.ended_ms


def _happenings(report: CallReport) -> Iterator[tuple[_Key, Happening]]:
    call = report.call
    trunk = known.Known(report).trunk
    by = f" by {trunk}" if trunk else ""
    other = call.dest_number if call.direction == "out" else call.to_number
    began = f"{call.direction}{by}: {call.from_number or '(nobody)'} > {other}"
    yield ("began",), Happening(call.began_ms, call.session, "call", began)
    if call.answered_ms is not None:
        yield ("answered",), Happening(call.answered_ms, call.session, "call", "answered")
    if call.ended_ms is None:
        block = f", {call.contact_block}" if call.contact_block else ""
        state = Happening(call.written_ms, call.session, "call", f"{call.state}{block}")
        yield ("state", call.state, call.contact_block), state
    else:
        yield ("ended",), Happening(call.ended_ms, call.session, "call", _end(call))
    for one in report.notifications:
        yield from _told(call.session, one)
    for refused in report.refused:
        text = f"{refused.path} refused: {refused.status}"
        key = ("refused", refused.number)
        yield key, Happening(refused.at_ms, call.session, "request", text)


def _end(call: CallRecord) -> str:
    code = f" {call.sip_code}" if call.sip_code is not None else ""
    return f"ended: {call.ended_by} {call.cause}{code}"


def _told(session: str, report: NotificationReport) -> Iterator[tuple[_Key, Happening]]:
    told = report.notification
    what = f"{told.fields.get('ivr_block', '')} {told.fields.get('call_state', '')}"
    made = Happening(told.created_ms, session, "notification", f"{what}: to be told")
    yield ("told", told.notification_id), made
    for tried in report.attempts:
        came = tried.error or f"HTTP {tried.status}"
        text = f"{what}: attempt {tried.number}, {came}"
        key = ("tried", told.notification_id, tried.number)
        yield key, Happening(tried.at_ms, session, "notification", text)
    if told.state == "given_up":
        last_ms = report.attempts[-1].at_ms if report.attempts else told.created_ms
        given_up = Happening(last_ms, session, "notification", f"{what}: given up")
        yield ("given up", told.notification_id), given_up
