"""The keys of one phone, which may tell of each press twice: in RTP (RFC 4733) and by SIP INFO.

Some phones do, to be on the safe side. The two come over different ways and in either order, INFO often
not before the key is let go. So what one way told is held against the other for a while: each press that
both told of counts once, and one that only one of them told of counts too.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from onhook.calls import clock

TWICE_WITHIN_S = 5.0
"""From one telling of a press to the other: a key is held, or an INFO is repeated, for less."""
PASSED_ON_AFTER_S = 0.3
"""The media plane passes on what comes in RTP. A key that came by INFO is passed on by us, unless RTP tells
of it within this time."""


IN_RTP, BY_INFO = "rtp", "info"

KeptPress = tuple[str, str, float]
"""Which way told of it, the key, and when, in seconds of the monotonic clock."""


@dataclass(slots=True)
class _Press:
    digit: str
    at_s: float
    twice: bool = False
    """The other way told of it too."""


class Keypad:
    """Told of every key; calls ``on_key`` once for each press.

    ``pass_on`` is for what comes by INFO alone, which whoever the call is joined to does not get by itself.
    """

    def __init__(self, on_key: Callable[[str], None], pass_on: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._pass_on = pass_on
        self._in_rtp: deque[_Press] = deque()
        self._by_info: deque[_Press] = deque()

    def in_rtp(self, digit: str) -> None:
        """A telephone-event."""
        if not _told_before(self._by_info, digit):
            _note(self._in_rtp, _Press(digit, clock.now_s()))
            self._on_key(digit)

    def by_info(self, digit: str, *, events: bool) -> None:
        """A SIP INFO; ``events`` says whether the phone may send telephone-events as well."""
        if _told_before(self._in_rtp, digit):
            return
        press = _Press(digit, clock.now_s())
        _note(self._by_info, press)
        if events:
            loop = asyncio.get_running_loop()
            loop.call_later(PASSED_ON_AFTER_S, self._pass_on_single, press)
        else:
            self._pass_on(digit)
        self._on_key(digit)

    def kept(self) -> tuple["KeptPress", ...]:
        """What one way told, and the other may still tell of, for another process."""
        if not self._in_rtp and not self._by_info:
            return ()
        return (*_kept(self._in_rtp, IN_RTP), *_kept(self._by_info, BY_INFO))

    def resume(self, kept: Iterable["KeptPress"]) -> None:
        """Another process was told this already."""
        for way, digit, at_s in kept:
            presses = self._in_rtp if way == IN_RTP else self._by_info
            presses.append(_Press(digit, at_s))

    def stop(self) -> None:
        """The call is over: there is nobody to pass anything on to."""
        self._pass_on = lambda digit: None

    def _pass_on_single(self, press: _Press) -> None:
        if not press.twice:
            self._pass_on(press.digit)


def _kept(presses: deque[_Press], way: str) -> list[KeptPress]:
    _forget_old(presses)
    return [(way, press.digit, press.at_s) for press in presses]


def _note(presses: deque[_Press], press: _Press) -> None:
    """Of a phone that tells only one way nobody asks for what it told: it is forgotten here."""
    _forget_old(presses)
    presses.append(press)


def _forget_old(presses: deque[_Press]) -> None:
    while presses and clock.now_s() - presses[0].at_s > TWICE_WITHIN_S:
        presses.popleft()


def _told_before(others: deque[_Press], digit: str) -> bool:
    """Whether the other way told of this press; then that one is used up."""
    _forget_old(others)
    for press in others:
        if press.digit == digit:
            press.twice = True
            others.remove(press)
            return True
    return False
