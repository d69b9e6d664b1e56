"""The crypto attribute of a media stream (RFC 4568 9): which suite, and the key of its author. Pure.

    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4

What is unknown, or breaks the grammar, is no error of the description: such a line offers nothing (5.1.2).
No key stands in a `repr`.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

MASTER_BYTES = 30
"""A key of 128 bits, and behind it a salt of 112 (RFC 4568 6.2)."""
MAX_MKI_BYTES = 16
"""A longer identifier is none of ours; the RFC has up to 128."""
LONGEST_LIFETIME = 2**48
"""Packets under one master key (RFC 3711 9.2)."""


class Suite(Enum):
    """A suite that we have; its name in the description."""

    SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def tag_bytes(self) -> int:
        """How long the tag of an RTP packet is (RFC 4568 6.2)."""
        return 10 if self is Suite.SHA1_80 else 4


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key of whoever sends: `master` is the key and its salt. `mki` stands before the tag of each packet
    (RFC 3711 3.1), where there is one."""

    master: bytes = field(repr=False)
    suite: Suite
    mki: bytes = b""

    @property
    def tag_bytes(self) -> int:
        """How long the tag of an RTP packet is."""
        return self.suite.tag_bytes


@dataclass(frozen=True, slots=True)
class Crypto:
    """One line that can be used. `lifetime` is in packets."""

    tag: int
    key: MasterKey
    lifetime: int = LONGEST_LIFETIME

    def written(self) -> str:
        """The attribute with its key, without `a=`."""
        inline = base64.b64encode(self.key.master).decode("ascii")
        return f"crypto:{self.tag} {self.key.suite.value} inline:{inline}"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What two sides came to: whose keys are whose. `answered` says that our key stands in an answer of ours,
    which the peer has not read when we write it."""

    tag: int
    send: MasterKey
    receive: MasterKey
    answered: bool = field(default=False, compare=False)

    @property
    def suite(self) -> str:
        """The name of the suite."""
        return self.send.suite.value


_LINE = re.compile(r"crypto:[ \t]*(\d{1,9})[ \t]+(\S+)[ \t]+(\S+)((?:[ \t]+\S+)*)[ \t]*", re.ASCII)
_KEY = re.compile(
    r"inline:(?P<master>[A-Za-z0-9+/]{40})(?P<padding>=*)"
    r"(?:\|(?P<lifetime>2\^\d{1,2}|\d{1,15}))?(?:\|(?P<mki>\d{1,39}):(?P<bytes>\d{1,3}))?",
    re.ASCII | re.IGNORECASE,
)
_WINDOW = re.compile(r"WSH=\d{1,6}", re.ASCII)


def read(attributes: Sequence[str]) -> tuple[Crypto, ...]:
    """The lines that can be used, in their author's order; the attributes are without `a=`.

    Of several with one tag none can be (RFC 4568 4.1): it would not be known which one is meant.
    """
    lines = [found for text in attributes if (found := _LINE.fullmatch(text))]
    tags = [int(line[1]) for line in lines]
    read = [_crypto(*line.groups()) for line in lines if tags.count(int(line[1])) == 1]
    return tuple(line for line in read if line is not None)


def is_offered(attributes: Sequence[str]) -> bool:
    """Whether there is such an attribute at all."""
    return any([text.startswith("crypto:") for text in attributes])  # noqa: C419  # quicker, of so few


def _crypto(tag: str, name: str, params: str, session: str) -> Crypto | None:
    """One line; None for a suite, a key or a session parameter that is none of ours."""
    suite = next((suite for suite in Suite if suite.value == name), None)
    found = _KEY.fullmatch(params)  # several keys in one line, with `;` between, are not
    if suite is None or found is None or not all(map(_is_harmless, session.split())):
        return None
    lifetime = _lifetime(found["lifetime"])
    mki = _mki(found["mki"], found["bytes"])
    try:
        master = base64.b64decode(found["master"], validate=True)
    except binascii.Error:
        return None
    if lifetime is None or mki is None or len(master) != MASTER_BYTES:
        return None
    return Crypto(int(tag), MasterKey(master, suite, mki), lifetime)


def _is_harmless(param: str) -> bool:
    """Whether a session parameter changes nothing for us: a hint about the replay window (6.3.6), or what may
    be passed over by its dash (6.3.7). All others would have to be understood."""
    return param.startswith("-") or bool(_WINDOW.fullmatch(param))


def _lifetime(text: str | None) -> int | None:
    """In packets; None if there can be no such."""
    if text is None:
        return LONGEST_LIFETIME
    lifetime = 2 ** int(text[2:]) if text.startswith("2^") else int(text)
    return lifetime if 0 < lifetime <= LONGEST_LIFETIME else None


def _mki(value: str | None, length: str | None) -> bytes | None:
    """The identifier as it stands in packets; None if it is none, or does not fit."""
    if value is None or length is None:
        return b""
    if not 0 < int(length) <= MAX_MKI_BYTES or int(value) >= 256 ** int(length):
        return None
    return int(value).to_bytes(int(length), "big")
