"""Starts the processes of a server, hands them what they share, starts again what dies, ends them in order.

It reads nothing that a stranger sent, and knows nothing of calls: what it does for the others is

- to hold the listening sockets, so that what arrives while the switch is started anew waits in the kernel,
  and likewise those of calls' audio, should the media plane die with it (`kept_sockets.py`);
- to pass on a *link*: a process that serves the switch offers descriptors, and the switch gets them;
- to have a spare process stand by, which has loaded all that a switch loads, and forks it (`starting.py`);
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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onhook.processes.membership import END, HANDED_OVER, Running
from onhook.server.supervisor import status
from onhook.server.supervisor.aside import Aside
from onhook.server.supervisor.asking import Commands
from onhook.server.supervisor.child import Child
from onhook.server.supervisor.hanging import Hanging, debugged
from onhook.server.supervisor.inheritance import Inheritance
from onhook.server.supervisor.kept_sockets import KeptSockets
from onhook.server.supervisor.last_switch import LastSwitch
from onhook.server.supervisor.log import log
from onhook.server.supervisor.offers import Offers
from onhook.server.supervisor.poison import Poison
from onhook.server.supervisor.relays import Relays
from onhook.server.supervisor.reloading import Reloading
from onhook.server.supervisor.remains import Remains
from onhook.server.supervisor.restarts import Restarts
from onhook.server.supervisor.roles import ASIDE, OLD_PLANE, PLANE, ROLES, SPARE, SWITCH, Role
from onhook.server.supervisor.service_manager import ServiceManager
from onhook.server.supervisor.standing_by import StandingBy
from onhook.server.supervisor.starting import started
from onhook.server.supervisor.strangers import adopt_orphans, reap
from onhook.server.supervisor.terminal import Terminal
from onhook.server.supervisor.workers import Workers

_SECRETS = ("database_url",)
"""Settings that are nobody's business but the switch's: it has a password in it."""
_UNTOLD = "not told"
_LAST_S = 10.0
"""When the switch has ended, the others have so long to end by themselves."""
_SWITCH_LAST_S = 45.0
"""The switch has so long to end beyond the time for calls (--drain-s): last BYEs, last notifications."""


class Supervisor:
    """All processes of one server. `run` returns the exit status of the server."""

    def __init__(self, inheritance: Inheritance) -> None:
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
            lambda: self._tell_of_processes(),
        )
        self._relays = Relays(
            lambda pidfd, pid: self._selector.register(
                pidfd, selectors.EVENT_READ, lambda: self._relays.bury(pid)
            ),
            self._selector.unregister,
            lambda: self._tell_of_processes(),
        )
        self._aside = Aside(self._children, self._offers)
        self._reloading = Reloading(
            inheritance, self._children, self._start_named, self._aside.set_plane
        )
        self._standing_by = StandingBy(ROLES, lambda: self._children.get(SPARE))
        self._poison = Poison()
        self._remains = Remains()
        self._sockets = KeptSockets()
        self._since = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._terminal = Terminal()
        self._manager = ServiceManager()
        self._announced = False
        self._ending = False
        self._last_switch = LastSwitch()
        self._last_s: float | None = None
        """The moment by which what is to end has to have: the switch, and then the others."""
        self._exit_status = 0

    def run(self) -> int:
        """Runs until the switch was asked to end and has, or cannot run."""
        self._listen()
        adopt_orphans()
        for role in ROLES:
            if not self._ending:
                # What loads the program forks the first, too: so that they share what was loaded.
                self._start(self._standing_by.role if role is self._standing_by.whom else role)
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
        children = [child.running for child in self._children.values()]
        return [own, *children, *self._workers.running, *self._relays.running]

    # Starting ---------------------------------------------------------------------------------------

    def _start(self, role: Role) -> None:
        given, name = self._reloading.inheritance, role.name
        generation = self._generations.get(name, 0) + 1
        # Of a secret the others know whether there is one: what stands by loads what it is for.
        secrets = {} if name == SWITCH else {each: _told(given.settings, each) for each in _SECRETS}
        begin = {"settings": {**given.settings, **secrets}, "urgent": not self._announced}
        sockets: Mapping[str, int] = {}
        memory: Sequence[int] = ()
        if name == SWITCH:
            sockets = given.sockets
            memory = (self._poison.descriptor, *self._remains.descriptors)
            begin["suspects"] = self._poison.suspects
            begin["planes"] = self._aside.planes
        try:
            process = self._standing_by.forked(role) or started(role.module, given.kept_open)
        except OSError as error:
            self._not_started(name, error)
            return
        child = Child(role, generation, begin, sockets, memory, process)
        self._generations[name] = generation
        self._children[name] = child
        self._hanging.begins(name)
        self._selector.register(child.channel, selectors.EVENT_READ, lambda: self._hear(child))
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._bury(child))
        if generation > 1:
            log("process_started", process=name, pid=child.pid)
        if name == SWITCH:
            # Before the links: once it has that to the plane, it has all connections and sockets, too.
            for message, descriptors in (*self._reloading.passed_on(), *self._sockets.messages()):
                self._tell_switch(message, descriptors)
            for link in self._offers:
                self._hand_over(link)
        self._tell_of_processes()

    def _start_named(self, name: str, *, at_the_end: bool = False) -> None:
        for role in (*ROLES, self._standing_by.role):
            if role.name == name and (at_the_end or not self._ending):
                self._start(role)

    def _begin_spared(self) -> None:
        """The first of a role for which a process stands by, once that one is ready or has died."""
        role = self._standing_by.whom
        if role and role.name not in self._generations and not self._ending:
            self._start(role)

    def _start_worker(self, asked: Mapping[str, Any]) -> None:
        answer = {"id": asked["id"]}
        try:
            running, descriptors = self._workers.start(asked["program"], asked["arguments"])
        except OSError as error:
            self._tell_switch({"say": "refused", "why": str(error), **answer}, [])
            return
        told = {"say": "worker", "role": running.role, "pid": running.pid, **answer}
        self._tell_switch(told, descriptors)

    def _not_started(self, name: str, error: OSError) -> None:
        """The machine has no room for a process: the others go on, and it is tried again."""
        if not self._announced:
            self._fail(f"The process {name} cannot be started: {error}.")
            return
        wait_s = None if self._ending else self._restarts.put_off(name)
        log("process_not_started", "error", process=name, again_in_s=wait_s, reason=str(error))

    def _do_what_is_due(self) -> None:
        for role in (*ROLES, ASIDE, self._standing_by.role):
            if self._restarts.take(role.name) and not self._aside.expects(role.name):
                self._start(role)
        self._reloading.look()
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
                child.hung = True
                child.signal(signal.SIGKILL)

    def _wait_s(self) -> float | None:
        last_s = () if self._last_s is None else (self._last_s,)
        moments = [*self._restarts.next_s, *self._hanging.next_s, *self._reloading.next_s, *last_s]
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
                case "kept":
                    self._reloading.kept(message["why"])
                case "connections":
                    self._reloading.pass_on(message, descriptors)
                case "keep":
                    self._sockets.keep(message["ports"], descriptors)
                case "let go":
                    self._sockets.let_go(message["ports"])
                case "relay":
                    self._relays.begins(message["pid"])
                case "library":
                    child.shows(descriptors)
                case "finished":
                    self._aside.finish(message["process"])
        self._watch(child)

    def _hear_failure(self, child: Child, told: Mapping[str, Any]) -> None:
        """What does not work at the start ends the server; what did work once is tried again, but for what
        stays as it is."""
        if not self._announced or told["lasting"]:
            self._fail(str(told["why"]))
        elif not self._reloading.failed(child.role.name, str(told["why"])):
            log("process_failed", "error", process=child.role.name, reason=told["why"])

    def _take_offer(self, child: Child, descriptors: list[int]) -> None:
        if child.role.name in (PLANE, OLD_PLANE):
            self._remains.keep(child.pid, descriptors[0])
        self._offers.put(child.role.name, descriptors)
        if SWITCH in self._children:
            self._hand_over(child.role.name)

    def _hand_over(self, link: str) -> None:
        self._tell_switch({"say": "link", "link": link}, self._aside.link(link))

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
        child.facts = facts
        self._tell_of_processes()
        self._reloading.ready(child.role.name)
        if child.role.name == SPARE:
            self._begin_spared()
        if child.role.name == SWITCH and self._ending:
            child.signal(END)
        if child.role.name != SWITCH or self._announced:
            return
        self._announced = True
        self._manager.tell("READY=1")
        with suppress(OSError, ValueError):
            where = " ".join(f"{name}={facts[name]}" for name in ("http", "sip", "listeners"))
            print(f"onhook ready {where}", flush=True)

    # Ending -----------------------------------------------------------------------------------------

    def _bury(self, child: Child) -> None:
        """A process is dead."""
        name = child.role.name
        if name == SWITCH and child.channel in self._selector.get_map():
            self._hear(child)  # its last words: the next one is given the sockets that it named
        with suppress(KeyError):
            self._selector.unregister(child.channel)
        self._selector.unregister(child.pidfd)
        self._offers.take_back(child.left())
        status_of_it = child.buried()
        lost = not self._ending and status_of_it and not self._announced
        if lost and name != SPARE:
            self._fail(f"The process {name} ended before the server was ready; the log says why.")
        elif not (
            self._ending or self._aside.expects(name) or self._reloading.expects(name, status_of_it)
        ):
            wait_s = self._restarts.put_off(name)
            log("process_died", "error", process=name, again_in_s=wait_s, **_cause(status_of_it))
        del self._children[name]
        self._offers.drop(name)
        if name == SWITCH:
            self._workers.kill()
            if status_of_it != HANDED_OVER:
                self._poison.died(status_of_it, hung=child.hung)
        if name == SPARE:
            self._begin_spared()
        if not self._ending:
            self._reloading.died(name, status_of_it)
        if self._ending and name == SWITCH:
            # By END it dies while it is still beginning; and of what could not run it was said why.
            if status_of_it not in (0, -END) and not self._exit_status:
                log("process_died", "error", process=name, **_cause(status_of_it))
                if self._announced and self._last_switch.may_begin(self._last_s):
                    self._start_named(SWITCH, at_the_end=True)
                self._exit_status = int(SWITCH not in self._children)
            if SWITCH not in self._children:
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
        again = self._ending
        self._ending = True
        self._manager.tell("STOPPING=1")
        self._restarts.none()
        if not again:
            drain_s = self._reloading.inheritance.settings.get("drain_s", 0.0)
            self._last_s = time.monotonic() + drain_s + _SWITCH_LAST_S
            able = self._announced and not self._exit_status and SWITCH not in self._children
            if able and self._last_switch.may_begin(self._last_s):
                self._start_named(SWITCH, at_the_end=True)
        switch = self._children.get(SWITCH)
        if switch is None:
            self._end_others(asked_again=again and self._last_s is not None)
            return
        if again:
            self._last_s = time.monotonic() + _SWITCH_LAST_S
        # One that is taking over calls would die of it: it hears of it when it has.
        if again or switch.ready or not self._announced:
            switch.signal(END)

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
        data = Path(self._reloading.inheritance.data)
        Commands(data, self._selector, self._reloading.answer)
        listener = status.listen(data)
        if listener is None:
            log("status_unavailable", "warning", hint="onhook status will not find this server.")
            return
        self._selector.register(
            listener, selectors.EVENT_READ, lambda: status.answer(listener, self.running)
        )

    def _on_signals(self) -> None:
        for number in self._signals[0].recv(64):
            terminal_gone = number == signal.SIGHUP and self._terminal.has_gone()
            if terminal_gone or number in (signal.SIGTERM, signal.SIGINT):
                self._end()
            elif number == signal.SIGHUP:  # somebody wants certificates read again
                self._tell_switch({"say": "reload"}, [])


def _told(settings: Mapping[str, Any], secret: str) -> str:
    """How a secret is told to those whose business it is not: empty if there is none."""
    return _UNTOLD if settings.get(secret) else ""


def _cause(status_of_it: int) -> dict[str, object]:
    """How a process died, for the log."""
    if status_of_it >= 0:
        return {"exit_status": status_of_it}
    return {"signal": signal.Signals(-status_of_it).name}
