"""The library of a plane on its way to the switches that may need it."""

import errno
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from onhook.processes.channel import Channel
from onhook.server.supervisor.aside import Aside
from onhook.server.supervisor.child import Child
from onhook.server.supervisor.offers import Offers
from onhook.server.supervisor.roles import ASIDE, OLD_PLANE, PLANE, Role


class Scene:
    """A plane that offers links; descriptors are those of pipes."""

    def __init__(self) -> None:
        ours, self._its = Channel.pair()
        process: Any = SimpleNamespace(
            pidfd=os.dup(ours.fileno()), pid=os.getpid(), channel=ours, wait=lambda: 0
        )
        self.plane = Child(Role(PLANE, "plane"), 1, {}, {}, (), process)
        self.offers = Offers()
        self.aside = Aside({PLANE: self.plane}, self.offers)

    def offered(self, role: str) -> int:
        """How many descriptors a switch gets with its link."""
        self.offers.put(role, [os.open("/dev/null", os.O_RDONLY) for _ in range(4)])
        link = self.aside.link(role)
        for each in link:
            os.close(each)
        return len(link)

    def close(self) -> None:
        self.plane.buried()
        self._its.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    one = Scene()
    yield one
    one.close()


def library() -> int:
    return os.open(__file__, os.O_RDONLY)


def test_every_link_of_a_plane_has_its_library(scene: Scene) -> None:
    assert scene.offered(PLANE) == 4
    scene.plane.shows([library()])
    assert scene.offered(PLANE) == 5
    scene.aside.set_plane()
    assert scene.plane.role is ASIDE
    assert scene.offered(OLD_PLANE) == 5


def test_the_first_that_it_shows_is_its_library(scene: Scene) -> None:
    """What is shown later may be what a stranger wants to have run."""
    scene.plane.shows([])  # there was no room for it
    assert scene.offered(PLANE) == 4
    first, second = library(), library()
    scene.plane.shows([first])
    scene.plane.shows([second])
    assert scene.plane.library == first
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(second)


def test_without_a_descriptor_left_a_link_comes_without_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.plane.shows([library()])

    def full(_: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "dup", full)
    assert scene.offered(PLANE) == 4
