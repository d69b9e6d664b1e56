"""The program of the media plane: the RTP of all calls, in threads of C (`onhook/media/native/`).

Nothing of Python is at work in it: its main thread sits in a call of C, without the interpreter's lock, until
a switch is gone, and another answers the supervisor, every few seconds. Then everything goes on, and the next
switch gets a link of its own. To be small it imports no package of ours but what it needs, and loads
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
_COMMANDS: Final = 4096
"""On their way; what does not fit waits in the switch."""
_EVENTS: Final = 16384
"""Of a thread, from when they happen until what came of them is on disk; what does not fit waits where it
happens."""
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


def show_library(member: Membership, plane: Any) -> None:
    """Hand on the file that the plane's module is in, as long as it has a name: a switch of another version
    speaks with this plane by it (`onhook/media/dialect.py`)."""
    with suppress(OSError):  # nobody then does, and a version that would have to does not take over
        descriptor = os.open(plane.__file__, os.O_RDONLY | os.O_CLOEXEC)
        member.show_library(descriptor)
        os.close(descriptor)


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
    lib = plane.lib
    keeping = Keeping(member, plane)
    pause_s = _SHORTEST_S
    while True:
        began_s = time.monotonic()
        result = keeping.offer()
        if result < 0:
            member.failed(f"The media plane cannot be started: {os.strerror(-result)}.")
            return 1
        why = keeping.wait()
        if why == lib.PLANE_TERMINATED:
            keeping.stop()
            return 0
        if why == lib.PLANE_NONSENSE:
            log("plane_link_broken", "error", generation=keeping.generation)
            keeping.stop()
        lasted = time.monotonic() - began_s > _LASTING_S
        pause_s = _SHORTEST_S if lasted else min(2 * pause_s, _LONGEST_S)
        # No sigtimedwait(): that of Python returns a signal, and it is none, where this process was stopped
        # meanwhile and goes on when the time is over.
        time.sleep(pause_s)
        if END in signal.sigpending():
            keeping.stop()
            return 0


class Keeping:
    """The plane, and what it goes on with while it has no switch: for so long as the setting `keep_audio_s`
    says."""

    def __init__(self, member: Membership, plane: Any) -> None:
        self._member = member
        self._plane, self._ffi, self._lib = plane, plane.ffi, plane.lib
        self._keep_s = float(member.settings.get("keep_audio_s", 30))
        self._host: Any = None
        self._alone_since_s: float | None = None
        self.generation = 0
        """Of the link that is, or was, offered."""

    def offer(self) -> int:
        """Offer the next switch a link: to the plane as it is, or to a new one. A negative errno if there is
        none."""
        link = self._ffi.new("struct plane_link *")
        self.generation += 1
        result = self._link(link)
        if result < 0:
            return result
        if self.generation == 1:  # before the link, with which it is handed on
            show_library(self._member, self._plane)
        self._member.offer(_ROLE, [link.memory, link.commands, link.events, link.control])
        if self.generation == 1:
            self._member.ready(link=self._lib.plane_link_version())
        self._lib.plane_host_handed_over(self._host)
        return 0

    def wait(self) -> int:
        """Until the link is over (`enum plane_end`). Where nobody takes it, what plays ends at some time."""
        lib, host = self._lib, self._host
        if self._alone_since_s is not None:
            left_s = self._alone_since_s + self._keep_s - time.monotonic()
            why = int(lib.plane_host_wait(host, max(0, round(left_s * 1000))))
            if why != lib.PLANE_GOING:
                self._mark(why)
                return why
            if not lib.plane_host_is_attended(host):
                self._let_go()
            self._alone_since_s = None
        why = int(lib.plane_host_wait(host, -1))
        self._mark(why)
        return why

    def _let_go(self) -> None:
        """Nobody came; the link stays, and whoever takes it finds nothing."""
        calls = int(self._lib.plane_host_let_go(self._host))
        if calls:
            log("media_let_go", "warning", calls=calls)

    def stop(self) -> None:
        """End all that is open; what is recorded is written to its end."""
        if self._host is not None:
            self._lib.plane_host_stop(self._host)
        self._host, self._alone_since_s = None, None

    def _mark(self, why: int) -> None:
        """Since when nobody steers: a link that nobody had taken does not make it later."""
        taken = self._lib.plane_host_is_attended(self._host)
        if why == self._lib.PLANE_SWITCH_GONE and (taken or self._alone_since_s is None):
            self._alone_since_s = time.monotonic()

    def _link(self, link: Any) -> int:
        if self._host is not None:
            result = int(self._lib.plane_host_relink(self._host, self.generation, link))
            if result >= 0:
                return result
            log("plane_not_kept", "error", reason=os.strerror(-result))
            self.stop()
        host = self._ffi.new("plane_host **")
        how = self._ffi.new("struct plane_config *", self._config())
        result = int(self._lib.plane_host_start(host, how, self.generation, link))
        if result >= 0:
            self._host = host[0]
        return result

    def _config(self) -> dict[str, int]:
        settings = self._member.settings
        return {
            "max_calls": capacity(*settings["rtp_ports"]),
            "rtp_timeout_ms": round(settings["silence_s"] * 1000),
            "command_ring": _COMMANDS,
            "event_ring": _EVENTS,
            "threads": min(len(os.sched_getaffinity(0)), self._lib.PLANE_MAX_THREADS),
            "plenty": _CALLS_A_THREAD,
        }


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
