"""When a phone was last known to be there, and whether it was gone when its call was hung up.

A phone that lost its network says nothing: the message plays on, the application hangs up, and only the
BYE finds nobody. Whoever sent audio, and then sent nothing at all for a while, neither RTP nor RTCP nor
SIP, and does not answer the BYE, was gone since then. A phone that is merely muted answers it; of one from
which no audio ever came nobody knows until when it was there.
"""

from onhook.calls import clock
from onhook.media.stream import Signs
from onhook.phone.cause import SipCause

NOT_THERE = frozenset({408, 481})
"""No answer; or one that says that there is no such call (RFC 3261, 12.2.1.2)."""
MISSED_S = 1.0
"""Whoever was heard within this time before the BYE left was there when it did."""


class Presence:
    """What is known of one phone."""

    def __init__(self) -> None:
        self._signalled_s: float | None = None
        self._signs = Signs()

    def signalled(self) -> None:
        """A SIP message of it arrived."""
        self._signalled_s = clock.now_s()

    def media(self, signs: Signs) -> None:
        """What its stream knows of it now."""
        self._signs = signs

    @property
    def last_s(self) -> float | None:
        """The last that came from it, if audio ever did."""
        if self._signs.heard_s is None:
            return None
        return max(self._signs.heard_s, self._signalled_s or 0.0)

    @property
    def seen_s(self) -> float | None:
        """The last that came from it, by signalling or in audio; None if nothing did."""
        seen = [at_s for at_s in (self._signs.heard_s, self._signalled_s) if at_s is not None]
        return max(seen, default=None)

    @property
    def received_s(self) -> float | None:
        """When the last packet left that it said it received; None if it never said so."""
        return self._signs.received_s

    def gone_since(self, answer: SipCause, left_s: float) -> float | None:
        """Since when it was gone, as the answer to a BYE that left at ``left_s`` shows; None if it was
        there."""
        last_s = self.last_s
        if answer.status not in NOT_THERE or last_s is None or left_s - last_s < MISSED_S:
            return None
        return last_s
