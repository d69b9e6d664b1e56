"""The program of the media plane: the RTP of all calls, in threads of C (`onhook/media/native/`).

Nothing of Python is at work in it: its main thread sits in a call of C, without the interpreter's lock, until
a switch is gone, and another answers the supervisor, every few seconds. Then all of that switch is ended, and
the next one gets a link of its own. To be small it imports no package of ours but what it needs, and loads
the plane's module without the package around it.
"""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from threading import Thread
from typing import Any, Final

from onhook.processes.membership import END, Membership

_ROLE: Final = "plane"
_MEDIA: Final = Path(__file__).parents[1] / "media"
_RING: Final = 4096
"""Commands and events on their way; what does not fit waits on the other side."""
_CALLS_A_THREAD: Final = 1000
"""Before another one is used beside it: one that has none sleeps."""
_LASTING_S: Final = 1.0
_SHORTEST_S: Final = 0.01
_LONGEST_S: Final = 1.0
"""Between links: the longer, the more of them in a row did not last."""


def load_plane() -> Any:
    """The module `onhook.media._plane` by itself."""
    spec = PathFinder.find_spec("_plane", [str(_MEDIA)])
    if spec is None or spec.loader is None:
        raise ImportError(f"the media plane is not built: there is no _plane in {_MEDIA}")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def capacity(low: int, high: int) -> int:
    """How many calls a range of ports has room for: an even port each, and the one above it."""
    return max(0, (high + 1) // 2 - (low + 1) // 2)


def log(event: str, level: str = "info", **fields: object) -> None:
    """One line, as the other processes write it."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"event": event, **fields, "role": _ROLE, "level": level, "timestamp": at}
    with suppress(OSError, ValueError):  # a log that nobody takes ends no call
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()


def serve(member: Membership, plane: Any) -> int:
    """Serve one switch after another; returns the exit status."""
    ffi, lib = plane.ffi, plane.lib
    config = {
        "max_calls": capacity(*member.settings["rtp_ports"]),
        "rtp_timeout_ms": round(member.settings["silence_s"] * 1000),
        "command_ring": _RING,
        "event_ring": _RING,
        "threads": min(len(os.sched_getaffinity(0)), lib.PLANE_MAX_THREADS),
        "plenty": _CALLS_A_THREAD,
    }
    host, link = ffi.new("plane_host **"), ffi.new("struct plane_link *")
    generation, pause_s = 0, _SHORTEST_S
    while True:
        generation += 1
        how = ffi.new("struct plane_config *", config)
        result = lib.plane_host_start(host, how, generation, link)
        if result < 0:
            member.failed(f"The media plane cannot be started: {os.strerror(-result)}.")
            return 1
        member.offer(_ROLE, [link.memory, link.commands, link.events, link.control])
        if generation == 1:
            member.ready()
        lib.plane_host_handed_over(host[0])
        began_s = time.monotonic()
        why = lib.plane_host_wait(host[0])
        lib.plane_host_stop(host[0])
        if why == lib.PLANE_TERMINATED:
            return 0
        if why == lib.PLANE_NONSENSE:
            log("plane_link_broken", "error", generation=generation)
        lasted = time.monotonic() - began_s > _LASTING_S
        pause_s = _SHORTEST_S if lasted else min(2 * pause_s, _LONGEST_S)
        if signal.sigtimedwait({END}, pause_s) is not None:
            return 0


def main() -> int:
    """Run until it is asked to end; what is recorded is then written to its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {END})  # plane_host_wait() waits for it
    member = Membership.join()
    Thread(target=_say_that_we_are_here, args=(member,), daemon=True).start()
    try:
        return serve(member, load_plane())
    except OSError as error:  # the supervisor has ended, and the kernel ends us
        log("plane_ended", "error", reason=str(error))
        return 1


def _say_that_we_are_here(member: Membership) -> None:
    """Sleeps but for a moment whenever the supervisor asks; it cannot while the process is stopped."""
    with suppress(OSError):
        while member.answer():
            pass


if __name__ == "__main__":
    sys.exit(main())
