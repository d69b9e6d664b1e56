"""A media plane whose commands are done when they return."""

import time
from typing import Any

from onhook.media import MediaPlane

_PATIENCE_S = 60.0


class Followed(MediaPlane):
    """A plane that has followed each command when that returns: what a peer sends next finds it done."""

    def _ask(self, command: Any, *arguments: Any) -> int:
        result = super()._ask(command, *arguments)
        ends_s = time.monotonic() + _PATIENCE_S
        while self.running and self.health().waiting and time.monotonic() < ends_s:
            time.sleep(0.0002)
        return result
