"""Starts the processes of a server, hands them what they share, starts again what dies, ends them in order.

It reads nothing that a stranger sent, and knows nothing of calls: what it does for the others is

- to hold the listening sockets, so that what arrives while the switch is started anew waits in the kernel;
- to pass on a *link*: a process that serves the switch offers descriptors, and the switch gets them;
- to tell the switch, and whoever asks on this machine (`status.py`), what runs;
- to end what hangs (`hanging.py`), so that it is started again like what died.

One thread waits for all of it; nothing here blocks but the start of a process.
"""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onhook.processes.membership import END, Running
from onhook.server.supervisor import status
from onhook.server.supervisor.child import Child
from onhook.server.supervisor.hanging import Hanging, debugged
from onhook.server.supervisor.log import log
from onhook.server.supervisor.offers import Offers
from onhook.server.supervisor.restarts import Restarts
from onhook.server.supervisor.roles import ROLES, SWITCH, Role
from onhook.server.supervisor.strangers import reap
from onhook.server.supervisor.workers import Workers

_SECRETS = ("database_url",)
"""Settings that are nobody's business but the switch's: it has a password in it."""
_LAST_S = 10.0
"""When the switch has ended, the others have so long to end by themselves."""
_SWITCH_LAST_S = 45.0
"""The switch has so long to end beyond the time for calls (--drain-s): last BYEs, last notifications."""


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the command has opened before it became the supervisor."""

    data: str
    settings: Mapping[str, Any]
    sockets: Mapping[str, int]
    """The descriptors of the listening sockets by name, for the switch."""
    kept_open: tuple[int, ...]
    """Descriptors that every process holds for as long as it lives: the lock of the data directory."""


class Supervisor:
    """All processes of one server. `run` returns the exit status of the server."""

    def __init__(self, inheritance: Inheritance) -> None:
        self._inheritance = inheritance
        self._selector = selectors.DefaultSelector()
        self._children: dict[str, Child] = {}
        self._generations: dict[str, int] = {}
        self._restarts = Restarts()
        self._hanging = Hanging(inheritance.settings.get("hang_s", 0.0))
        self._offers = Offers()
        """Links that wait for a switch."""
        self._workers = Workers(
            lambda pidfd, pid: self._selector.register(
                pidfd, selectors.EVENT_READ, lambda: self._workers.bury(pid)
            ),
            self._selector.unregister,
        )
        self._since = datetime.now(UTC).isoformat(timespec="milliseconds")
        # Whoever has it ignore SIGHUP (nohup) wants it to outlive its terminal.
        self._goes_with_terminal = _terminal() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
        self._announced = False
        self._ending = False
        self._last_s: float | None = None
        """The moment by which what is to end has to have: the switch, and then the others."""
        self._exit_status = 0

    def run(self) -> int:
        """Runs until the switch was asked to end and has, or cannot run."""
        self._listen()
        for role in ROLES:
            if not self._ending:
                self._start(role)
        while self._children or self._restarts or self._workers.running:
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._do_what_is_due()
            reap({running.pid for running in self.running})
        if self._announced:
            log("ended", status=self._exit_status)
        return self._exit_status

    @property
    def running(self) -> list[Running]:
        """What runs, this process first."""
        own = Running("supervisor", os.getpid(), self._since, 0, ready=True)
        return [own, *(child.running for child in self._children.values()), *self._workers.running]

    # Starting ---------------------------------------------------------------------------------------

    def _start(self, role: Role) -> None:
        given, name = self._inheritance, role.name
        generation = self._generations.get(name, 0) + 1
        sockets = given.sockets if name == SWITCH else {}
        secrets = {} if name == SWITCH else dict.fromkeys(_SECRETS, "")
        begin = {"settings": {**given.settings, **secrets}}
        try:
            child = Child(role, generation, begin, sockets, given.kept_open)
        except OSError as error:
            self._not_started(name, error)
            return
        self._generations[name] = generation
        self._children[name] = child
        self._hanging.begins(name)
        self._selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(child))
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._bury(child))
        if generation > 1:
            log("process_started", process=name, pid=child.pid)
        if name == SWITCH:
            for link in self._offers:
                self._hand_over(link)
        self._tell_of_processes()

    def _start_worker(self, asked: Mapping[str, Any]) -> None:
        answer = {"id": asked["id"]}
        try:
            running, descriptors = self._workers.start(asked["program"], asked["arguments"])
        except OSError as error:
            self._tell_switch({"say": "refused", "why": str(error), **answer}, [])
            return
        told = {"say": "worker", "role": running.role, "pid": running.pid, **answer}
        self._tell_switch(told, descriptors)

    def _start_again(self, name: str, status_of_last: int) -> None:
        wait_s = self._restarts.put_off(name)
        log("process_died", "error", process=name, again_in_s=wait_s, **_cause(status_of_last))

    def _not_started(self, name: str, error: OSError) -> None:
        """The machine has no room for a process: the others go on, and it is tried again."""
        if not self._announced:
            self._fail(f"The process {name} cannot be started: {error}.")
            return
        wait_s = self._restarts.put_off(name)
        log("process_not_started", "error", process=name, again_in_s=wait_s, reason=str(error))

    def _do_what_is_due(self) -> None:
        for role in ROLES:
            if self._restarts.take(role.name):
                self._start(role)
        if self._last_s is not None and time.monotonic() >= self._last_s:
            self._last_s = None
            switch = self._children.get(SWITCH)
            for child in self._children.values() if switch is None else (switch,):
                log("process_killed", "warning", process=child.role.name, pid=child.pid)
                child.signal(signal.SIGKILL)
        self._look_for_what_hangs()

    def _look_for_what_hangs(self) -> None:
        ask, hanging = self._hanging.look(self._children)
        for name in ask:
            self._children[name].send({"say": "ping"})
            self._watch(self._children[name])
        for name, seconds in hanging.items():
            child = self._children[name]
            if not debugged(child.pid):
                for_s = round(seconds, 1)
                log("process_hangs", "error", process=name, pid=child.pid, for_s=for_s)
                child.signal(signal.SIGKILL)

    def _wait_s(self) -> float | None:
        last_s = () if self._last_s is None else (self._last_s,)
        moments = [*self._restarts.next_s, *self._hanging.next_s, *last_s]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    # What processes say -----------------------------------------------------------------------------

    def _hear(self, child: Child) -> None:
        child.flush()
        while True:
            try:
                heard = child.channel.receive()
            except BlockingIOError:
                break
            if heard is None:  # it ends, or is dead: its pidfd tells
                self._selector.unregister(child.channel)
                return
            message, descriptors = heard
            self._hanging.heard(child.role.name)
            match message["say"]:
                case "offer":
                    self._take_offer(child, descriptors)
                case "ready":
                    self._announce(child, message)
                case "start":
                    self._start_worker(message)
                case "failed":
                    self._hear_failure(child, message)
        self._watch(child)

    def _hear_failure(self, child: Child, told: Mapping[str, Any]) -> None:
        """What does not work at the start ends the server; what did work once is tried again, but for what
        stays as it is."""
        if not self._announced or told["lasting"]:
            self._fail(str(told["why"]))
        else:
            log("process_failed", "error", process=child.role.name, reason=told["why"])

    def _take_offer(self, child: Child, descriptors: list[int]) -> None:
        self._offers.put(child.role.name, descriptors)
        if SWITCH in self._children and not self._ending:
            self._hand_over(child.role.name)

    def _hand_over(self, link: str) -> None:
        self._tell_switch({"say": "link", "link": link}, self._offers.take(link))

    def _tell_of_processes(self) -> None:
        told = [each._asdict() for each in self.running]
        self._tell_switch({"say": "processes", "processes": told}, [])

    def _tell_switch(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        switch = self._children.get(SWITCH)
        if switch is not None:
            switch.send(message, descriptors)
            self._watch(switch)

    def _watch(self, child: Child) -> None:
        """Whether to wait for room in its channel, too."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.wants_to_send else 0)
        with suppress(KeyError):
            self._selector.modify(child.channel, events, lambda: self._hear(child))

    def _announce(self, child: Child, facts: Mapping[str, Any]) -> None:
        """One line on standard output, for whoever started us with port 0; once."""
        self._restarts.works(child.role.name)
        child.ready = True
        self._tell_of_processes()
        if child.role.name != SWITCH or self._announced:
            return
        self._announced = True
        with suppress(OSError, ValueError):
            where = " ".join(f"{name}={facts[name]}" for name in ("http", "sip", "listeners"))
            print(f"onhook ready {where}", flush=True)

    # Ending -----------------------------------------------------------------------------------------

    def _bury(self, child: Child) -> None:
        """A process is dead."""
        name = child.role.name
        with suppress(KeyError):
            self._selector.unregister(child.channel)
        self._selector.unregister(child.pidfd)
        status_of_it = child.buried()
        if not self._ending and status_of_it and not self._announced:
            self._fail(f"The process {name} ended before the server was ready; the log says why.")
        elif not self._ending:
            self._start_again(name, status_of_it)
        del self._children[name]
        self._offers.drop(name)
        if name == SWITCH:
            self._workers.kill()
        if self._ending and name == SWITCH:
            # By END it dies while it is still beginning; and of what could not run it was said why.
            if status_of_it not in (0, -END) and not self._exit_status:
                log("process_died", "error", process=name, **_cause(status_of_it))
                self._exit_status = 1
            self._end_others()
        self._tell_of_processes()

    def _fail(self, why: str) -> None:
        """The server cannot run, or not go on; `why` is a sentence for the operator."""
        if self._exit_status == 0:
            with suppress(OSError, ValueError):
                print(f"onhook: {why}", file=sys.stderr, flush=True)
        self._exit_status = 1
        self._end()

    def _end(self) -> None:
        """The switch ends its calls first, as long as they have for that; whoever cannot wait asks twice."""
        drain_s = 0.0 if self._ending else self._inheritance.settings.get("drain_s", 0.0)
        self._ending = True
        self._restarts.none()
        switch = self._children.get(SWITCH)
        if switch is not None:
            switch.signal(END)
            self._last_s = time.monotonic() + drain_s + _SWITCH_LAST_S
        else:
            self._end_others(asked_again=self._last_s is not None)

    def _end_others(self, *, asked_again: bool = False) -> None:
        """What is left gets its time once."""
        self._last_s = time.monotonic() + (0.0 if asked_again else _LAST_S)
        for child in self._children.values():
            child.signal(END)

    # Signals and questions --------------------------------------------------------------------------

    def _listen(self) -> None:
        """To signals, and to who asks what runs."""
        ours, kernels = socket.socketpair()
        ours.setblocking(False)
        kernels.setblocking(False)
        signal.set_wakeup_fd(kernels.fileno())
        self._signals = ours, kernels
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # the number comes over the socket
        self._selector.register(ours, selectors.EVENT_READ, self._on_signals)
        listener = status.listen(Path(self._inheritance.data))
        if listener is None:
            log("status_unavailable", "warning", hint="onhook status will not find this server.")
            return
        self._selector.register(
            listener, selectors.EVENT_READ, lambda: status.answer(listener, self.running)
        )

    def _on_signals(self) -> None:
        for number in self._signals[0].recv(64):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._end()
            elif number == signal.SIGHUP:
                self._on_hangup()

    def _on_hangup(self) -> None:
        """The terminal is gone that it was started from; else somebody wants certificates read again."""
        if self._goes_with_terminal and not _terminal():
            self._end()
        elif SWITCH in self._children:
            self._tell_switch({"say": "reload"}, [])


def _terminal() -> bool:
    """Whether this process has a terminal that is there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _cause(status_of_it: int) -> dict[str, object]:
    """How a process died, for the log."""
    if status_of_it >= 0:
        return {"exit_status": status_of_it}
    return {"signal": signal.Signals(-status_of_it).name}
