"""Runs `onhook`, and keeps which of its functions were called and when; for `ways.py`.

    PYTHON_OF_A_TREE bench/traced.py TRACE serve      as `onhook serve`; TRACE is written when it ends

TRACE is JSON: `functions`, a list of module and qualified name; `calls`, in order, of the moment (ns since
the epoch), the place in that list, and how far away the caller is (0 to 3, see below);
`steps`, the moments at which the state machine returned. A coroutine that goes on counts as called. Modules
and comprehensions are no functions. Threads are traced like the loop, and the processes that calls and
notifications are the business of like one. It needs nothing but Python, so it traces any version.
"""

import atexit
import json
import os
import signal
import sys
import tempfile
import threading
import time
from operator import itemgetter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NoReturn

SAME_MODULE, SAME_PART, ANOTHER_PART, NOBODY = range(4)
"""How far away a caller is. A part is a folder of the package; `NOBODY` is the event loop, or a thread."""

_NO_FUNCTIONS = frozenset({"<module>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
STEP = ("onhook.call.table", "step")


class Trace:
    """What the functions below a folder did since `begin`."""

    def __init__(self, package: Path) -> None:
        self._root = f"{package}/"
        self._parent = package.parent
        self._codes: dict[int, tuple[CodeType, int]] = {}
        """Each code that was met, by id (kept alive, so that it stays its own); -1 if it is no matter."""
        self._functions: list[tuple[str, str]] = []
        self._calls: list[tuple[int, int, int]] = []
        self._steps: list[int] = []

    def begin(self) -> None:
        """In this thread, and in those that will be started; in place of another that has begun."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def write(self, path: Path) -> None:
        """What was traced, as JSON."""
        sys.setprofile(None)
        found = {"functions": self._functions, "calls": self._calls, "steps": self._steps}
        path.write_text(json.dumps(found))

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            place = self._place(frame.f_code)
            if place >= 0:
                self._calls.append((time.time_ns(), place, self._from(frame)))
        elif event == "return":
            place = self._place(frame.f_code)
            if place >= 0 and self._functions[place] == STEP:
                self._steps.append(time.time_ns())

    def _from(self, frame: FrameType) -> int:
        """How far away the caller is; what is in between and not ours does not count."""
        file, back = frame.f_code.co_filename, frame.f_back
        while back is not None and not back.f_code.co_filename.startswith(self._root):
            back = back.f_back
        if back is None:
            return NOBODY
        caller = back.f_code.co_filename
        if caller == file:
            return SAME_MODULE
        return SAME_PART if self._part(caller) == self._part(file) else ANOTHER_PART

    def _part(self, file: str) -> str:
        return file.removeprefix(self._root).partition("/")[0]

    def _place(self, code: CodeType) -> int:
        met = self._codes.get(id(code))
        if met is None:
            met = self._codes[id(code)] = (code, self._met(code))
        return met[1]

    def _met(self, code: CodeType) -> int:
        if not code.co_filename.startswith(self._root) or code.co_name in _NO_FUNCTIONS:
            return -1
        file = Path(code.co_filename).relative_to(self._parent).with_suffix("")
        self._functions.append((".".join(file.parts), code.co_qualname))
        return len(self._functions) - 1


PROCESSES = ("onhook.server.switch_process", "onhook.server.deliveries_process")
"""Modules that the server runs as processes, where it has several."""
FORKING = "onhook.server.spare_process"
"""The module of a process that has loaded what such a process loads, and forks it."""
_PARTS = "BENCH_TRACE_PARTS"
_SITE = """
import os, sys
if {modules!r} & set(sys.orig_argv):
    sys.path.append({here!r})
    import traced
    sys.path.remove({here!r})
    traced.trace_this_or_its_children(os.environ[{parts!r}])
"""
"""Python runs it at the start of each process (site)."""


def trace_this_or_its_children(parts: str) -> None:
    """Traces this process from now on, or, where it only forks others, those."""
    if FORKING in sys.orig_argv:
        os.register_at_fork(after_in_child=lambda: trace_this(parts))
    else:
        trace_this(parts)


def trace_this(parts: str) -> None:
    """Traces this process from now on; what was traced is written when it ends. A child of a process that is
    traced begins anew."""
    import onhook
    from onhook.processes.membership import END

    trace = Trace(Path(onhook.__file__).parent)
    trace.begin()
    atexit.unregister(_write)
    atexit.register(_write, trace, Path(parts) / f"{os.getpid()}.json")
    # One that does not ask for an orderly end shall have one all the same.
    signal.signal(END, lambda *_: sys.exit(0))


def _write(trace: Trace, path: Path) -> None:
    trace.write(path)


def merged(parts: Path) -> dict[str, Any]:
    """The traces of several processes as one: their clock is the same."""
    functions: list[Any] = []
    calls: list[Any] = []
    steps: list[int] = []
    for part in sorted(parts.glob("*.json")):
        found = json.loads(part.read_text())
        first = len(functions)
        functions += found["functions"]
        calls += [(at_ns, first + place, far) for at_ns, place, far in found["calls"]]
        steps += found["steps"]
    return {
        "functions": functions,
        "calls": sorted(calls, key=itemgetter(0)),
        "steps": sorted(steps),
    }


def main() -> None:
    """As `python -m onhook`, traced."""
    out = Path(sys.argv.pop(1))
    sys.path.pop(0)  # this folder: what stands beside this file is no business of the server's
    with tempfile.TemporaryDirectory() as folder:
        site = _SITE.format(
            modules={FORKING, *PROCESSES}, here=str(Path(__file__).parent), parts=_PARTS
        )
        Path(folder, "sitecustomize.py").write_text(site)
        ways = (folder, os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, ways))
        os.environ[_PARTS] = folder
        child = os.fork()
        if child == 0:
            _run(Path(folder))
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
        _, status = os.waitpid(child, 0)
        out.write_text(json.dumps(merged(Path(folder))))
    sys.exit(os.waitstatus_to_exitcode(status))


def _run(parts: Path) -> NoReturn:
    """The command; it becomes another program (exec), or ends here."""
    import onhook
    from onhook.cli import main as run

    trace = Trace(Path(onhook.__file__).parent)
    trace.begin()
    status: object = 0
    try:
        run()
    except SystemExit as ending:
        status = ending.code
    trace.write(parts / "command.json")
    os._exit(status if isinstance(status, int) else 1)


if __name__ == "__main__":
    main()
