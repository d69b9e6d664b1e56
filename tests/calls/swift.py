"""An event loop whose time passes as fast as nothing happens: an hour of a call in a millisecond."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from onhook.calls import clock

Result = TypeVar("Result")


class _Waiting(selectors.SelectSelector):
    """Waits for nobody: what would have been waited for has passed."""

    passed_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Lets the time pass. Raises RuntimeError if nothing would ever happen."""
        if timeout is None:
            raise RuntimeError("no timer is set, and there is nobody else to wait for")
        self.passed_s += max(0.0, timeout)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose clock is what its selector let pass."""

    def __init__(self) -> None:
        self._waiting = _Waiting()
        super().__init__(self._waiting)

    def time(self) -> float:
        """Seconds that have passed."""
        return self._waiting.passed_s


def run_swiftly(work: Coroutine[Any, Any, Result]) -> Result:
    """What the work returns; for it, and for the server's clock, time passes at once."""
    with pytest.MonkeyPatch.context() as patched, asyncio.Runner(loop_factory=_Loop) as runner:
        patched.setattr(clock, "now_s", lambda: runner.get_loop().time())
        return runner.run(work)
