"""The switch that takes over from one that died while the server ends, and ends its calls."""

import time


class LastSwitch:
    """There is one at most: whoever has seen two die leaves their calls to the next start of the server."""

    def __init__(self) -> None:
        self._begun = False

    def may_begin(self, until_s: float | None) -> bool:
        """Whether it is to begin now; then it has. `until_s` is the moment by which it has to have ended."""
        if self._begun or until_s is None or time.monotonic() > until_s:
            return False
        self._begun = True
        return True
