"""What a reload does to the processes of a server, step by step, and what comes of it when a step fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from onhook.processes.channel import Channel
from onhook.processes.membership import HANDED_OVER
from onhook.server.supervisor import reloading
from onhook.server.supervisor.child import Child
from onhook.server.supervisor.inheritance import Inheritance
from onhook.server.supervisor.reloading import Reloading

OLD = {"rate": "1", "allowed_networks": []}
NEW = {"rate": "2", "allowed_networks": []}


@dataclass
class Process:
    """One of the server's, as a reload sees it."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    library: int | None = None
    ready: bool = True
    told: list[Any] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)

    def send(self, message: Any) -> None:
        self.told.append(message)

    def signal(self, number: int) -> None:
        self.signals.append(number)


class Server:
    """Its processes, and a command that asks for a reload."""

    def __init__(self) -> None:
        self.processes = {
            "plane": Process({"link": 4}),
            "switch": Process({"version": "1"}),
            "spare": Process(),
            "deliveries": Process({"version": "1"}),
        }
        self.started: list[str] = []
        self.reloading = Reloading(
            Inheritance("data", OLD, {}, ()),
            cast(dict[str, Child], self.processes),
            self._start,
            self._set_plane_aside,
        )
        self._ours, self._theirs = Channel.pair()
        self._ours.set_blocking(False)

    def _start(self, role: str) -> None:
        self.started.append(role)
        self.processes[role] = Process()

    def _set_plane_aside(self) -> None:
        self.processes["old-plane"] = self.processes.pop("plane")

    def ask(
        self, settings: Mapping[str, Any] = NEW, *, link: int = 4, speaks: Sequence[int] = ()
    ) -> None:
        asked = {"settings": settings, "variables": {}, "version": "2", "link": link}
        asked["speaks"] = speaks
        self.reloading.answer(self._theirs, {"say": "reload", **asked})

    def answer(self) -> str | None:
        """What the command was told; None as long as it has to wait."""
        try:
            heard = self._ours.receive()
        except BlockingIOError:
            return None
        assert heard is not None
        return str(heard[0]["error"])

    def dies(self, role: str, status: int) -> bool:
        """Whether that is an affair of the reload."""
        expected = self.reloading.expects(role, status)
        del self.processes[role]
        self.reloading.died(role, status)
        return expected

    def comes_to_hand_over(self) -> None:
        self.ask()
        assert self.dies("spare", -9)
        self.reloading.ready("spare")
        assert self.processes["switch"].told == [{"say": "hand over"}]

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.reloading.inheritance.settings


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_next_switch_has_the_new_settings(server: Server) -> None:
    server.comes_to_hand_over()
    assert server.settings == OLD
    assert server.dies("switch", HANDED_OVER)
    assert server.started == ["spare", "switch"]
    assert server.settings == NEW
    assert server.answer() is None
    server.processes["switch"].facts = {"version": "1"}
    server.reloading.ready("switch")
    assert server.answer() == ""
    assert not server.processes["deliveries"].signals
    assert not server.reloading.next_s


def test_another_version_has_deliveries_of_its_own(server: Server) -> None:
    server.comes_to_hand_over()
    server.dies("switch", HANDED_OVER)
    server.processes["switch"].facts = {"version": "2"}
    server.reloading.ready("switch")
    assert server.processes["deliveries"].signals
    assert server.dies("deliveries", 0)
    assert server.started == ["spare", "switch", "deliveries"]


def test_a_plane_that_is_talked_to_in_another_way_is_set_aside(server: Server) -> None:
    old = server.processes["plane"]
    server.ask(link=5, speaks=[4])
    server.dies("spare", -9)
    server.reloading.ready("spare")
    assert server.processes["plane"] is old
    server.dies("switch", HANDED_OVER)
    assert server.started == ["spare", "plane", "switch"]
    assert server.processes["old-plane"] is old
    assert not old.signals
    server.processes["plane"].facts = {"link": 5}
    server.reloading.ready("switch")
    assert server.answer() == ""


def test_there_is_one_old_plane_at_a_time(server: Server) -> None:
    server.processes["old-plane"] = Process({"link": 3})
    server.ask()
    assert "media plane" in (server.answer() or ""), "it cannot speak with the old one"
    server.ask(link=5, speaks=[3, 4])
    assert "an older one still has" in (server.answer() or "")
    server.ask(speaks=[3])
    assert server.answer() is None


def test_a_switch_that_dies_as_it_is_asked_is_followed_by_the_new_one(server: Server) -> None:
    server.comes_to_hand_over()
    assert server.dies("switch", -11)
    server.reloading.ready("switch")
    assert server.answer() == ""
    assert server.settings == NEW


def test_a_switch_that_keeps_its_calls_changes_nothing(server: Server) -> None:
    server.comes_to_hand_over()
    server.reloading.kept("The disk is full.")
    assert server.answer() == "The disk is full."
    assert server.settings == OLD
    assert not server.dies("switch", -9), "it is started again as any other"


def test_one_that_hands_over_too_late_is_followed_by_one_with_the_old_settings(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LONGEST_S", 0.0)
    server.comes_to_hand_over()
    server.reloading.look()
    assert "too long" in (server.answer() or "")
    assert server.dies("switch", HANDED_OVER)
    assert server.started == ["spare", "switch"]
    assert server.settings == OLD


def test_where_the_new_one_cannot_begin_the_old_settings_are_back(server: Server) -> None:
    server.comes_to_hand_over()
    server.dies("switch", HANDED_OVER)
    assert server.reloading.failed("switch", "It is wrong.")
    assert server.dies("switch", 1)
    assert server.answer() == "It is wrong. The settings are as before."
    assert server.settings == OLD
    assert server.started == ["spare", "switch", "switch"]
    assert not server.reloading.failed("switch", "It is wrong.")


def test_a_program_that_cannot_be_loaded_changes_nothing(server: Server) -> None:
    server.ask()
    server.dies("spare", -9)
    server.dies("spare", 1)
    assert "cannot be loaded" in (server.answer() or "")
    assert not server.processes["switch"].told
    assert server.settings == OLD


def test_what_cannot_be_is_refused_at_once(server: Server) -> None:
    server.ask(link=5)
    assert "media plane" in (server.answer() or "")
    server.processes["switch"].ready = False
    server.ask()
    assert "not ready" in (server.answer() or "")
    server.processes["switch"].ready = True
    server.ask()
    assert server.answer() is None
    server.ask()
    assert "already" in (server.answer() or "")
    assert server.processes["spare"].signals == [9]
