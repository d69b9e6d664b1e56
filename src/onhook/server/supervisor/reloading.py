"""Another program, or other settings, take over while calls go on.

    asked -> LOADING -> HANDING -> BEGINNING -> done
               |           |           +-------> the new one cannot run: a switch with the settings of before
               +-----------+-------------------> nothing was changed

LOADING: the process that stands by is replaced by one that loads the program as it is on disk now. HANDING:
the switch is asked to hand over, which it does at a moment of its choosing, and ends. BEGINNING: the next
one, with the new settings, owns its calls as soon as it is ready.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from onhook.processes.channel import Channel, Message
from onhook.processes.membership import END, HANDED_OVER
from onhook.server.supervisor.child import Child
from onhook.server.supervisor.inheritance import Inheritance
from onhook.server.supervisor.log import log
from onhook.server.supervisor.roles import DELIVERIES, OLD_PLANE, PLANE, SPARE, SWITCH

_OF_DELIVERIES: Final = ("allowed_networks", "ca_file", "retry_schedule", "log_private")
"""Settings that the process has which delivers: it is begun anew where they are others."""


class Stage(Enum):
    """How far a reload is."""

    NONE = "none"
    LOADING = "loading"
    HANDING = "handing"
    BEGINNING = "beginning"


_LONGEST_S: Final = 60.0
"""Each stage may take so long. The switch waits for messages that are being made, then for requests, which
have --prepare-s more."""


class Reloading:
    """One reload at a time. `children` are the processes by role; `start` starts one of a role;
    `set_plane_aside` has the media plane be the old one."""

    def __init__(
        self,
        inheritance: Inheritance,
        children: Mapping[str, Child],
        start: Callable[[str], None],
        set_plane_aside: Callable[[], None],
    ) -> None:
        self.inheritance = inheritance
        """What is in force."""
        self._children = children
        self._start = start
        self._set_plane_aside = set_plane_aside
        self._another_plane = False
        """Whether the new version talks to media planes in another way than the one that there is."""
        self._stage = Stage.NONE
        self._ends_s = 0.0
        self._asking: Channel | None = None
        self._before = self._next = inheritance
        self._replaced: set[str] = set()
        """Roles of processes that were told to end, and are to be started again then."""
        self._why = ""
        """What the new switch said why it cannot run."""
        self._connections: list[tuple[Message, list[int]]] = []

    # What a command asks ----------------------------------------------------------------------------

    def answer(self, asking: Channel, message: Mapping[str, Any]) -> None:
        """A command asks; whether there is an answer now or later, it is one message."""
        if message["say"] == "given":
            shown = [each.library for each in self._planes() if each.library is not None]
            told = {**self.inheritance.given, "settings": self.inheritance.settings}
            asking.send(told, shown)
            return
        refusal = self._refusal(message)
        if refusal:
            asking.send({"error": refusal})
            return
        self._asking, self._why, self._before = asking, "", self.inheritance
        self._another_plane = _link_of(self._children.get(PLANE), message) != message["link"]
        given = {**self.inheritance.given, "variables": message["variables"]}
        self._next = replace(self._before, settings=message["settings"], given=given)
        log("reloading", version=message["version"])
        self._go(Stage.LOADING)
        self._replace(SPARE, signal.SIGKILL)

    def _refusal(self, asked: Mapping[str, Any]) -> str:
        switch = self._children.get(SWITCH)
        if self._stage is not Stage.NONE:
            return "It is being reloaded already."
        if switch is None or not switch.ready:
            return "The server is not ready: a reload has to wait until it is."
        links = {_link_of(each, asked) for each in self._planes()}
        if not links <= {asked["link"], *asked.get("speaks", ())}:
            return (
                f"Onhook {asked['version']} talks to the media plane in another way than the one that runs, "
                "and cannot take over its calls. Nothing was changed; restart the server when they may end."
            )
        if OLD_PLANE in self._children and (
            _link_of(self._children.get(PLANE), asked) != asked["link"]
        ):
            return (
                f"Onhook {asked['version']} talks to the media plane in another way than the one that runs, "
                "and there are calls that an older one still has. Nothing was changed; reload when they have "
                "ended."
            )
        return ""

    def _planes(self) -> list[Child]:
        return [self._children[each] for each in (PLANE, OLD_PLANE) if each in self._children]

    # What becomes of processes ----------------------------------------------------------------------

    def ready(self, role: str) -> None:
        """A process does its work."""
        if role == SPARE and self._stage is Stage.LOADING and SPARE not in self._replaced:
            self._hand_over()
        elif role == SWITCH and self._stage is Stage.BEGINNING:
            self._end("")
            self._renew_deliveries()

    def _hand_over(self) -> None:
        switch = self._children.get(SWITCH)
        if switch is None:
            self._end("The switch has died meanwhile, and is started again; nothing was changed.")
            return
        self._go(Stage.HANDING, self._before.settings.get("prepare_s", 0.0))
        switch.send({"say": "hand over"})

    def kept(self, why: str) -> None:
        """The switch does not hand over, and goes on."""
        if self._stage is Stage.HANDING:
            self._end(why)

    def failed(self, role: str, why: str) -> bool:
        """A process cannot run; whether that is the affair of a reload."""
        if role == SWITCH and self._stage is Stage.BEGINNING:
            self._why = why
            return True
        return False

    def expects(self, role: str, status: int) -> bool:
        """Whether the end of a process is part of a reload, so that `died` is what starts the next one."""
        handing = role == SWITCH and self._stage in (Stage.HANDING, Stage.BEGINNING)
        return role in self._replaced or handing or status == HANDED_OVER

    def died(self, role: str, status: int) -> None:
        """A process has ended, and is among `children` no more."""
        if role in self._replaced:
            self._replaced.discard(role)
            self._start(role)
        elif role == SPARE and self._stage is Stage.LOADING:
            self._end("The program cannot be loaded; the log says why. Nothing was changed.")
        elif role == SWITCH and self._stage is Stage.HANDING:
            self.inheritance = self._next
            self._go(Stage.BEGINNING)
            if self._another_plane and PLANE in self._children:
                self._set_plane_aside()
                self._start(PLANE)
            self._start(SWITCH)
        elif role == SWITCH and self._stage is Stage.BEGINNING:
            self._back()
        elif role == SWITCH and status == HANDED_OVER:  # too late: it was not waited for any more
            self._start(SWITCH)

    def _back(self) -> None:
        self.inheritance = self._before
        why = self._why or "The new switch ended before it was ready; the log says why."
        self._end(f"{why} The settings are as before.")
        self._start(SWITCH)

    def pass_on(self, message: Message, descriptors: Sequence[int]) -> None:
        """Connections that the switch leaves to the next one."""
        self._connections.append((message, list(descriptors)))

    def passed_on(self) -> list[tuple[Message, list[int]]]:
        """Those connections, which are the caller's from now on."""
        found, self._connections = self._connections, []
        return found

    def _replace(self, role: str, number: int) -> None:
        child = self._children.get(role)
        if child is None:
            return  # it is started in any case, and reads what is on disk then
        self._replaced.add(role)
        child.signal(number)

    def _renew_deliveries(self) -> None:
        deliveries = self._children.get(DELIVERIES)
        before, now = self._before.settings, self.inheritance.settings
        another = any(before.get(name) != now.get(name) for name in _OF_DELIVERIES)
        version = self._children[SWITCH].facts.get("version")
        if deliveries and (another or deliveries.facts.get("version") != version):
            self._replace(DELIVERIES, END)

    # Stages -----------------------------------------------------------------------------------------

    @property
    def next_s(self) -> tuple[float, ...]:
        """The moment by which something has to have happened, if anything has."""
        return (self._ends_s,) if self._stage is not Stage.NONE else ()

    def look(self) -> None:
        """Whether it takes too long."""
        if self._stage is Stage.NONE or time.monotonic() < self._ends_s:
            return
        switch = self._children.get(SWITCH)
        if self._stage is Stage.BEGINNING and switch is not None:
            self._go(Stage.BEGINNING)
            switch.signal(signal.SIGKILL)
        else:
            self._end("It takes too long, and was given up; nothing was changed.")

    def _go(self, stage: Stage, more_s: float = 0.0) -> None:
        self._stage = stage
        self._ends_s = time.monotonic() + _LONGEST_S + more_s

    def _end(self, error: str) -> None:
        """It is over; `error` is a sentence for the operator, or empty."""
        self._stage = Stage.NONE
        if error:
            log("reload_failed", "error", reason=error)
        else:
            log("reloaded")
        if self._asking is not None:
            with suppress(OSError):  # nobody waits for it any more
                self._asking.send({"error": error})
            self._asking = None


def _link_of(plane: Child | None, asked: Mapping[str, Any]) -> int:
    """How a plane talks to switches; one that has not said it yet is of the version that is on disk now."""
    return int(asked["link"] if plane is None else plane.facts.get("link", asked["link"]))
