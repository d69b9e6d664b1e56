"""The keys by which a stream is encrypted (SRTP, RFC 3711), as the plane takes them."""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from onhook.media._plane import ffi, lib

MASTER_BYTES = lib.PLANE_MASTER_BYTES
MAX_MKI_BYTES = lib.PLANE_MKI_BYTES

Keys = tuple[Any, Any]
"""Of what is sent, and of what is received."""
_KEY_BYTES = ffi.sizeof("struct plane_key")


class MasterKey(Protocol):
    """A master key with what goes with it."""

    @property
    def master(self) -> bytes:
        """The key and behind it the salt, 30 bytes."""

    @property
    def tag_bytes(self) -> int:
        """How long the tag of an RTP packet is: 10 or 4 (RFC 4568 6.2)."""

    @property
    def mki(self) -> bytes:
        """What stands before the tag of what is received; empty for nothing (RFC 3711 3.1)."""


class Protection(Protocol):
    """What was agreed with a peer."""

    @property
    def send(self) -> MasterKey:
        """By which it is sent."""

    @property
    def receive(self) -> MasterKey:
        """By which it sends."""

    @property
    def answered(self) -> bool:
        """The peer reads of our key in our answer: it does not have it yet."""


@contextlib.contextmanager
def plane_keys(protection: Protection | None, before: Protection | None = None) -> Iterator[Keys]:
    """Both keys as the plane takes them, which copies them; they are wiped afterwards.

    NULL stands for one that is as it was `before`, and for none. ValueError for what is no key.
    """
    made: list[Any] = []
    if protection is None:
        keys: Keys = (ffi.NULL, ffi.NULL)
    else:
        old = (before.send, before.receive) if before else (None, None)
        for key, same in zip((protection.send, protection.receive), old, strict=True):
            made.append(ffi.NULL if key == same else _plane_key(key))
        keys = (made[0], made[1])
    try:
        yield keys
    finally:
        for key in made:
            if key != ffi.NULL:
                ffi.memmove(key, bytes(_KEY_BYTES), _KEY_BYTES)


def _plane_key(key: MasterKey) -> Any:
    if len(key.master) != MASTER_BYTES or key.tag_bytes not in (4, 10):
        raise ValueError("not an SRTP master key of a suite that the plane has")
    if len(key.mki) > MAX_MKI_BYTES:
        raise ValueError(f"a master key identifier has {MAX_MKI_BYTES} bytes at the most")
    return ffi.new(
        "struct plane_key *",
        {
            "master": key.master,
            "tag_bytes": key.tag_bytes,
            "mki_bytes": len(key.mki),
            "mki": key.mki,
        },
    )
