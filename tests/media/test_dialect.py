"""Speaking with planes of another version, by their library: what is passed, and what is refused."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cffi import FFI
from onhook.media._plane import ffi, lib

from onhook.media import _plane
from onhook.media.build_plane import NATIVE, declarations
from onhook.media.dialect import Dialect
from onhook.media.errors import BadLink

DECLARED = declarations((NATIVE / "plane.h").read_text(encoding="utf-8"))


class Other:
    """A library of another version, whose functions are ours to say; all others return 0."""

    def __init__(self, declared: str = DECLARED, **functions: Callable[..., int]) -> None:
        self.types = FFI()
        self.types.cdef(declared)
        self.lib = SimpleNamespace()
        known: dict[Any, Any] = {}
        for name in dir(lib):
            ours = getattr(lib, name)
            if isinstance(ours, int):
                setattr(self.lib, name, ours)
                continue
            theirs = functions.get(name, lambda *_: 0)
            function = _fresh(theirs)
            known[function] = self.types.typeof(ffi.typeof(ours).cname)
            setattr(self.lib, name, function)
        self.ffi = SimpleNamespace(
            typeof=known.__getitem__,
            new=self.types.new,
            cast=self.types.cast,
            NULL=self.types.NULL,
        )


def _fresh(function: Callable[..., int]) -> Callable[..., int]:
    return lambda *arguments: function(*arguments)


def changed(before: str, after: str) -> str:
    assert DECLARED.count(before) == 1
    return DECLARED.replace(before, after)


LONGER = changed("struct plane_stats {", "struct plane_stats { uint64_t another;")
SHORTER = changed("    uint64_t duplicated; /* the same sequence number again */", "")


def test_the_library_of_a_file_that_was_replaced_speaks(tmp_path: Path) -> None:
    file = shutil.copy(_plane.__file__, tmp_path / "_plane.abi3.so")
    descriptor = os.open(file, os.O_RDONLY)
    Path(file).unlink()
    dialect = Dialect.of_library(descriptor)
    os.close(descriptor)
    assert dialect.version == lib.plane_link_version()
    out = ffi.new("plane **")
    nothing = (-1, -1, -1, -1)
    attach = dialect.of(lib.plane_attach)
    assert attach(out, ffi.new("struct plane_link *", nothing)) < 0


@pytest.mark.parametrize("declared", [DECLARED, LONGER, SHORTER])
def test_what_they_write_is_read_whatever_else_they_know(declared: str) -> None:
    def read_stats(_plane: Any, handle: int, out: Any) -> int:
        out[0].sent_packets, out[0].jitter_max = handle, 9
        return 0

    dialect = Dialect(Other(declared, plane_read_stats=read_stats))
    out = ffi.new("struct plane_stats *")
    assert dialect.of(lib.plane_read_stats)(ffi.NULL, 7, out) == 0
    assert (out.sent_packets, out.jitter_max, out.duplicated) == (7, 9, 0)


def test_of_many_as_many_are_read_as_they_say() -> None:
    def take(_plane: Any, out: Any, most: int) -> int:
        for index in range(2):
            out[index].number, out[index].kind = index + 5, lib.PLANE_DIGIT
        return 2 if most == 4 else 0

    declared = changed("struct plane_event {", "struct plane_event { uint64_t another;")
    dialect = Dialect(Other(declared, plane_take_events=take))
    out = ffi.new("struct plane_event[4]")
    assert dialect.of(lib.plane_take_events)(ffi.NULL, out, 4) == 2
    assert [each.number for each in out] == [5, 6, 0, 0]
    assert [each.kind for each in out] == [lib.PLANE_DIGIT] * 2 + [0] * 2


def test_what_we_ask_arrives_with_what_it_points_to() -> None:
    asked: list[Any] = []

    def agree(_plane: Any, handle: int, how: Any) -> int:
        asked.append((handle, how[0].payload_type, how[0].packet_ms, how[0].another))
        return 1

    declared = changed("struct plane_format {", "struct plane_format { uint64_t another;")
    dialect = Dialect(Other(declared, plane_agree=agree))
    how = ffi.new("struct plane_format *", {"payload_type": 8, "packet_ms": 40})
    assert dialect.of(lib.plane_agree)(ffi.NULL, 3, how) == 1
    assert asked == [(3, 8, 40, 0)]


def test_what_cannot_be_asked_is_known_before() -> None:
    without = changed("    uint8_t audio_type;     /* what", "    /* what")
    with pytest.raises(BadLink, match="audio_type"):
        Dialect(Other(without))
    other = Other()
    del other.lib.plane_bridge
    with pytest.raises(BadLink, match="plane_bridge"):
        Dialect(other)
    other = Other()
    other.lib.PLANE_ROOM_MEMBERS += 1
    with pytest.raises(BadLink, match="PLANE_ROOM_MEMBERS"):
        Dialect(other)


@pytest.mark.parametrize("name", ["plane_prepare_recording", "plane_begin_recording"])
def test_what_came_later_is_not_there(name: str) -> None:
    """A plane that is as old as that keeps its calls, and whoever asks does without."""
    other = Other()
    delattr(other.lib, name)
    dialect = Dialect(other)
    assert dialect.of(getattr(lib, name))(ffi.NULL, 3, 4, 5) == -errno.ENOSYS


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nothing.so"
    file.write_bytes(b"nothing")
    with file.open("rb") as opened, pytest.raises(BadLink, match="cannot be loaded"):
        Dialect.of_library(opened.fileno())
