"""Speaking with a plane of another version: by the library that this plane was built with.

What a plane and a switch share (`native/link.h`) may change from one version to the next, and then they
do not talk to one another. But both sides of it are in one library, which the plane has open and hands on:
so a newer switch speaks with it by the older library, whose functions it calls as if they were its own.
What has to be the same for that is only how these are declared (`native/plane.h`), and `Dialect` looks
whether it is:

- each function of the switch's side is there, with as many arguments, of the same kinds; of a few that came
  later it is enough that whoever asks is told that it is not (ENOSYS);
- a structure that we fill in has all the fields that we know, so that nothing we ask for is lost; what we
  do not know of it is 0;
- of one that they fill in, what they do not know is 0;
- a number that both know by name is the same.
"""

import errno
import os
import sys
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Final, Self

from onhook.media import _plane as our_library
from onhook.media._plane import ffi, lib
from onhook.media.errors import BadLink

Function = Callable[..., Any]

_ASKED: Final = frozenset(
    f"struct plane_{name}" for name in ("call", "format", "latching", "key", "rtcp", "link")
)
"""What we fill in."""
_CAME_LATER: Final = frozenset({"plane_prepare_recording", "plane_begin_recording"})
"""What a switch can do without."""
_THEIR_SIDE: Final = ("plane_host_", "plane_remains_")
_NO_PLANE: Final = frozenset({"plane_start", "plane_bind", "plane_link_version"})
_NAME: Final = "_plane"


class Dialect:
    """The functions of another library, by those of ours. Raises `BadLink` where they differ too much."""

    def __init__(self, library: Any) -> None:
        self._theirs = library.ffi
        self.version = int(library.lib.plane_link_version())
        """Of what its planes share with their switches."""
        for name in dir(lib):
            ours, found = getattr(lib, name), getattr(library.lib, name, None)
            if isinstance(ours, int) and found is not None and ours != found:
                raise BadLink(f"{name} is {found} there, and not {ours}")
        self._functions = {
            getattr(lib, name): self._made(name, getattr(library.lib, name, None))
            for name in _steering()
        }

    @classmethod
    def of_library(cls, descriptor: int) -> Self:
        """Of the file of a library, whose descriptor stays the caller's. Raises `BadLink`."""
        return cls(loaded(descriptor))

    def of(self, function: Any) -> Function:
        """Theirs, to be called with arguments of ours."""
        return self._functions[function]

    def _made(self, name: str, theirs: Any) -> Function:
        if theirs is None and name in _CAME_LATER:
            return _not_there
        if theirs is None:
            raise BadLink(f"there is no {name}() there")
        ours, wanted = ffi.typeof(getattr(lib, name)), self._theirs.typeof(theirs)
        if len(ours.args) != len(wanted.args):
            raise BadLink(f"{name}() has other arguments there")
        passing = [
            self._passing(name, mine, other)
            for mine, other in zip(ours.args, wanted.args, strict=True)
        ]
        if all(each is _as_it_is for each in passing):
            return theirs  # type: ignore[no-any-return]
        return _Call(theirs, passing)

    def _passing(self, name: str, ours: Any, theirs: Any) -> "Passing":
        if ours.kind != theirs.kind or (ours.kind == "primitive" and not _alike(ours, theirs)):
            raise BadLink(f"{name}() has other arguments there")
        if ours.kind != "pointer":
            return _as_it_is
        if _alike(ours.item, theirs.item):
            return _Lent(self._theirs, theirs)
        if ours.item.kind != "struct" or theirs.item.kind != "struct":
            raise BadLink(f"{name}() has other arguments there")
        copying = _copying(ours.item, theirs.item)
        return _Copied(self._theirs, theirs, copying)


def loaded(descriptor: int) -> Any:
    """The module `_plane` in the file of a descriptor, beside our own. Raises `BadLink`."""
    # A file that was replaced since has no name any more but this one. It is never closed: under each name
    # one is loaded, once.
    path = f"/proc/self/fd/{os.dup(descriptor)}"
    spec = spec_from_file_location(_NAME, path, loader=ExtensionFileLoader(_NAME, path))
    ours = sys.modules.get(f"{our_library.__name__}.lib")
    try:
        if spec is None or spec.loader is None:
            raise ImportError("it has no loader")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        raise BadLink(f"the library of the media plane cannot be loaded: {error}") from error
    finally:
        if ours is not None:  # cffi's modules enter themselves there, all under one name
            sys.modules[f"{our_library.__name__}.lib"] = ours
    return module


def _not_there(*_: Any) -> int:
    return -errno.ENOSYS


def _steering() -> list[str]:
    """The functions of the switch's side that are asked of a plane."""
    found = []
    for name in dir(lib):
        function = getattr(lib, name)
        if isinstance(function, int) or name in _NO_PLANE or name.startswith(_THEIR_SIDE):
            continue
        first = ffi.typeof(function).args[:1]
        if name == "plane_attach" or (first and "plane *" in first[0].cname):
            found.append(name)
    return found


def _alike(ours: Any, theirs: Any) -> bool:
    """Whether two types are laid out alike, so that the same memory is good for both."""
    if ours.kind != theirs.kind:
        return False
    if ours.kind == "pointer":
        return _alike(ours.item, theirs.item)
    if ours.kind == "array":
        return bool(ours.length == theirs.length) and _alike(ours.item, theirs.item)
    if ours.kind != "struct":
        return bool(ours.cname == theirs.cname)
    if _opaque(ours) or _opaque(theirs):  # nobody but its library looks into it
        return True
    return len(ours.fields) == len(theirs.fields) and all(
        mine == other and one.offset == another.offset and _alike(one.type, another.type)
        for (mine, one), (other, another) in zip(ours.fields, theirs.fields, strict=True)
    )


def _points(array: Any) -> bool:
    return bool(array.kind == "array" and array.item.kind != "primitive")


def _opaque(structure: Any) -> bool:
    try:
        ffi.sizeof(structure)
    except ffi.error:
        return True
    return False


Copying = list[tuple[str, "Copying | Any | None"]]
"""The fields that both have; with each those of a structure that is laid out differently, or their type of a
pointer, or nothing."""


def _copying(ours: Any, theirs: Any) -> Copying:
    there = dict(theirs.fields)
    found: Copying = []
    for name, field in ours.fields:
        other = there.get(name)
        if other is None:
            if ours.cname in _ASKED:
                raise BadLink(f"{ours.cname} has no {name} there")
        elif field.type.kind == other.type.kind == "struct":
            found.append((name, _copying(field.type, other.type)))
        elif not _alike(field.type, other.type) or _points(field.type):
            raise BadLink(f"{ours.cname} has another {name} there")
        else:
            found.append((name, other.type if field.type.kind == "pointer" else None))
    return found


def _copy(source: Any, target: Any, copying: Copying, cast: Function | None = None) -> None:
    """Field by field; pointers only where there is a `cast` for them: nobody gives us any."""
    for name, how in copying:
        if isinstance(how, list):
            _copy(getattr(source, name), getattr(target, name), how, cast)
        elif how is None:
            value = getattr(source, name)
            setattr(target, name, [*value] if isinstance(value, ffi.CData) else value)
        elif cast is not None:
            address = int(ffi.cast("uintptr_t", getattr(source, name)))
            setattr(target, name, cast(how, address))


class Passing:
    """How an argument is passed."""

    def into(self, argument: Any) -> Any:
        """What they get."""
        return argument

    def back(self, argument: Any, given: Any, result: Any) -> None:
        """What they wrote, once they have."""


_as_it_is = Passing()


class _Lent(Passing):
    """Memory that is laid out alike: they use ours."""

    def __init__(self, their_ffi: Any, pointer: Any) -> None:
        self._ffi, self._pointer = their_ffi, pointer

    def into(self, argument: Any) -> Any:
        if not isinstance(argument, ffi.CData):  # bytes
            return argument
        return self._ffi.cast(self._pointer, int(ffi.cast("uintptr_t", argument)))


class _Copied(Passing):
    """Structures that are not: they get some of their own, which hold the same."""

    def __init__(self, their_ffi: Any, pointer: Any, copying: Copying) -> None:
        self._ffi, self._copying = their_ffi, copying
        self._array = f"{pointer.item.cname}[]"

    def into(self, argument: Any) -> Any:
        if argument == ffi.NULL:
            return self._ffi.NULL
        count = _count(argument)
        given = self._ffi.new(self._array, count)
        if count == 1:  # several are always theirs to write
            _copy(argument[0], given[0], self._copying, self._ffi.cast)
        return given

    def back(self, argument: Any, given: Any, result: Any) -> None:
        if argument == ffi.NULL:
            return
        many = len(given) > 1 and isinstance(result, int)
        for index in range(max(0, min(len(given), result)) if many else len(given)):
            _copy(given[index], argument[index], self._copying)


def _count(argument: Any) -> int:
    return len(argument) if ffi.typeof(argument).kind == "array" else 1


class _Call:
    """A function of theirs."""

    def __init__(self, function: Function, passing: list[Passing]) -> None:
        self._function, self._passing = function, passing

    def __call__(self, *arguments: Any) -> Any:
        pairs = list(zip(self._passing, arguments, strict=True))
        given = [how.into(argument) for how, argument in pairs]
        result = self._function(*given)
        for (how, argument), theirs in zip(pairs, given, strict=True):
            how.back(argument, theirs, result)
        return result
