"""Is the caller still there? Asked when no audio comes from it.

A phone that lost its network says no BYE; neither does one whose BYE was lost. Silence alone proves
nothing, since nobody has to send audio. So the phone is asked by OPTIONS inside the dialog, and again
after each further while: its answer shows that it is merely silent.
"""

import asyncio
from collections.abc import Callable

from onhook.calls.presence import NOT_THERE
from onhook.phone.cause import SipCause

Probe = Callable[[Callable[[SipCause], None]], bool]
"""Asks the phone; False if that cannot be done now."""


def _nobody_waits() -> None:
    """For a call that is on its way out."""


class SilenceWatch:
    """Watches one call. ``on_gone`` is called once, when the phone is not there any more."""

    def __init__(self, probe: Probe, on_gone: Callable[[], None], again_s: float) -> None:
        self._probe = probe
        self._on_gone = on_gone
        self._again_s = again_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._asking = False
        self._stopped = False

    def silent(self) -> bool:
        """No audio has come for a while; True if the phone is asked now."""
        if self._stopped or self._asking:
            return False
        self._cancel()
        self._asking = self._probe(self._answered)
        if not self._asking:
            self._again_later()
        return self._asking

    def again(self) -> None:
        """The silence goes on, of which somebody else was told: asks after a further while."""
        if not self._stopped and self._timer is None:
            self._again_later()

    def stop(self) -> None:
        """The call is on its way out."""
        self._stopped = True
        self._on_gone = _nobody_waits  # its owner refers to this watch
        self._cancel()

    def _answered(self, cause: SipCause) -> None:
        self._asking = False
        if self._stopped:
            return
        if cause.status in NOT_THERE:
            on_gone = self._on_gone
            self.stop()
            on_gone()
        else:
            self._again_later()

    def _again_later(self) -> None:
        """The media plane tells of a silence once; a caller may leave later in the same one."""
        self._timer = self._loop.call_later(self._again_s, self.silent)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
