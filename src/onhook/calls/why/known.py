"""What is known of a call, in the words that sentences about its end are made of. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from onhook.call import State
from onhook.store import CallRecord, RefusedRequest
from onhook.store.reports import CallReport, NotificationReport

_DELIVERED = "delivered"
_ANSWER = "answer"
_AT_ONCE_MS = 5
"""What ends a call was over before it, on the clock of another process."""


def spoken(seconds: float) -> str:
    """A stretch of time: ``12.3 s``, or ``4 min 12 s``."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


@dataclass(frozen=True)
class Known:
    """A call as the store has it, in words for operators, or for its application, which no operator is named
    to."""

    report: CallReport
    for_application: bool = False

    @property
    def record(self) -> CallRecord:
        """Its record."""
        return self.report.call

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.record.ended_ms is not None

    @property
    def outgoing(self) -> bool:
        """Whether we placed it."""
        return self.record.direction == "out"

    @property
    def phone(self) -> str:
        """The far end of its first leg."""
        return "the callee" if self.outgoing else "the caller"

    @property
    def answered(self) -> bool:
        """Whether it was answered and that was acknowledged."""
        return self.record.answered_ms is not None

    @property
    def after(self) -> str:
        """How far it had come when it ended: ``12.3 s after the answer``."""
        record = self.record
        if self.answered:
            return f"{spoken(record.duration_ms / 1000)} after the answer"
        return f"{self.rang} after it had begun, unanswered"

    @property
    def rang(self) -> str:
        """From its begin to its end."""
        ended_ms = self.record.ended_ms or self.record.began_ms
        return spoken((ended_ms - self.record.began_ms) / 1000)

    @property
    def trunk(self) -> str:
        """The trunk that it came or left by; empty if that is not known."""
        return self.record.facts.trunk or dict(self.record.facts.always).get("trunk", "")

    @property
    def operator(self) -> str:
        """The operator who hung up in the application's place, and how: ``the operator mei, in the console``;
        empty where none did."""
        way, _, name = self.record.facts.operator.partition(" ")
        if name and self.for_application:
            return "an operator, in the application's place"
        how = {"console": "in the console", "cli": "by 'onhook call hangup'"}.get(way, f"by {way}")
        return f"the operator {name}, {how}" if name else ""

    @property
    def reason(self) -> str:
        """The Reason header of the other side, as a clause; empty if it gave none."""
        reason = self.record.facts.sip_reason
        return f', which said "{reason}"' if reason else ""

    @cached_property
    def media(self) -> Mapping[str, str]:
        """What the audio of its first leg was like; empty if that is not known."""
        return dict(self.record.facts.media)

    @property
    def unheard(self) -> bool:
        """It was answered, and no audio at all came from the phone."""
        return self.answered and self.media.get("received_packets") == "0"

    @cached_property
    def troubled(self) -> NotificationReport | None:
        """The first notification that did not reach the application while the call went on."""
        return next((one for one in self.before_the_end if not self._in_time(one)), None)

    @property
    def trouble(self) -> str:
        """What came of that until the call ended: what comes of it later changes nothing of the reason."""
        ended_ms = self.record.ended_ms
        until_ms = math.inf if ended_ms is None else ended_ms + _AT_ONCE_MS
        return what_failed(self.troubled, until_ms) if self.troubled is not None else ""

    @cached_property
    def untold(self) -> NotificationReport | None:
        """The notification of the end, where it did not get through."""
        told = [one for one in self.report.notifications if _is_terminal(one)]
        return next((one for one in reversed(told) if one.notification.state != _DELIVERED), None)

    @cached_property
    def before_the_end(self) -> tuple[NotificationReport, ...]:
        """What was told while the call went on."""
        return tuple(one for one in self.report.notifications if not _is_terminal(one))

    @cached_property
    def refused(self) -> RefusedRequest | None:
        """The last request that was refused when it was the application's turn, before the call ended."""
        told = self.before_the_end
        since_ms = told[-1].notification.created_ms if told else self.record.began_ms
        ended_ms = self.record.ended_ms
        fitting = [
            one
            for one in self.report.refused
            if one.at_ms >= since_ms and (ended_ms is None or one.at_ms < ended_ms)
        ]
        return fitting[-1] if fitting else None

    @cached_property
    def block(self) -> str:
        """The block that was asked for last, as far as notifications tell of it; empty for none."""
        asked = self.record.contact_block or self._last_told
        return "" if asked == _ANSWER else asked

    @property
    def block_over(self) -> bool:
        """Whether that had come to its end before the call did."""
        return self.block == self._last_told

    @property
    def may_play_more(self) -> bool:
        """Whether a request may have come of which nobody is told, after what was told last."""
        return not self.record.contact_block and self.record.cause != "forced_hangup"

    @property
    def state(self) -> str:
        """What a call does that goes on."""
        return self.record.state if self.record.state != State.ENDED.value else ""

    @property
    def _last_told(self) -> str:
        told = self.before_the_end
        return str(told[-1].notification.fields.get("ivr_block", "")) if told else ""

    def _in_time(self, one: NotificationReport) -> bool:
        ended_ms = self.record.ended_ms
        return any(
            _is_success(tried.status)
            and (ended_ms is None or tried.at_ms + tried.duration_ms <= ended_ms)
            for tried in one.attempts
        )


def what_failed(report: NotificationReport, until_ms: float = math.inf) -> str:
    """What came of the last attempt in vain to deliver it, of those that were over by then: ``HTTP 500``, or
    what an error says."""
    failed = [
        tried
        for tried in report.attempts
        if not _is_success(tried.status) and tried.at_ms + tried.duration_ms <= until_ms
    ]
    if not failed:
        return "its server did not answer in time"
    last = failed[-1]
    return last.error.rstrip(".") if last.error else f"HTTP {last.status}"


def _is_terminal(report: NotificationReport) -> bool:
    return report.notification.fields.get("call_state") == "ended"


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
