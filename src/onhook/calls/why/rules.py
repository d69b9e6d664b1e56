"""The rules: for each way in which a call can end who ended it, why, by which message; and what to do. Pure.

A rule is found by `ended_by` and `cause` of the record, and made of what is known of the call. Its clause
goes on with what each side heard last (`hearing.py`).
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from onhook.calls.why import by_application, by_phones, by_system
from onhook.calls.why.finding import Finding
from onhook.calls.why.known import Known

Rule: TypeAlias = Callable[[Known], Finding]

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("caller", "hangup"): by_phones.hung_up,
    ("callee", "hangup"): by_phones.hung_up,
    ("caller", "cancelled"): by_phones.cancelled,
    ("callee", "busy"): by_phones.busy,
    ("system", "unanswered"): by_phones.unanswered,
    ("system", "failed"): by_phones.failed,
    ("application", "hangup"): by_application.by_hangup,
    ("application", "forced_hangup"): by_application.by_force,
    ("application", "rejected"): by_application.rejected,
    ("application", "kicked"): by_application.kicked,
    ("system", "ring_timeout"): by_application.ring_timeout,
    ("system", "idle_timeout"): by_application.idle_timeout,
    ("system", "forward_to_refused"): by_application.forward_to_refused,
    ("system", "transfer_failed"): by_system.transfer_failed,
    ("system", "no_ack"): by_system.no_ack,
    ("network", "media_lost"): by_system.vanished,
    ("system", "media_lost"): by_system.media_lost,
    ("system", "insufficient_credit"): by_system.credit,
    ("system", "session_timeout"): by_system.session_timeout,
    ("system", "max_duration"): by_system.max_duration,
    ("system", "message_incomplete"): by_system.message_incomplete,
    ("system", "shutdown"): by_system.shutdown,
    ("system", "crash"): by_system.crash,
}
"""By `ended_by` and `cause`. A new way to end a call needs a rule: tests/calls/test_why.py walks them all."""

CAUSES: Final = frozenset(cause for _, cause in RULES)
"""Every cause that a call can end with."""
