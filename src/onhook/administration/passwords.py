"""Passwords of operators, kept by scrypt (RFC 7914) of the standard library.

16 MB and about 0.2 s of CPU for a guess, by the parameters that OWASP has for so much memory. What is stored
names its parameters, so that others can follow.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Final

LEAST_CHARACTERS: Final = 12
_MOST_CHARACTERS: Final = 1024
_N: Final = 2**14
_R: Final = 8
_P: Final = 5
_BYTES: Final = 32


class UnfitPassword(Exception):
    """A password that is not taken; the message says why."""


def check(password: str, name: str) -> None:
    """Raises :class:`UnfitPassword` for one that is too short, or the operator's name."""
    if not LEAST_CHARACTERS <= len(password) <= _MOST_CHARACTERS:
        raise UnfitPassword(
            f"A password has at least {LEAST_CHARACTERS} characters; a few words in a row do well."
        )
    if len(set(password)) < 5 or password.casefold() == name.casefold():
        raise UnfitPassword("That password is guessed at once; choose another.")


def stored(password: str) -> str:
    """What is kept of a password. Takes 0.2 s."""
    salt = secrets.token_bytes(16)
    parts = (salt, _hash(password, salt, _N, _R, _P))
    return f"scrypt${_N}${_R}${_P}$" + "$".join(base64.b64encode(one).decode() for one in parts)


def fits(password: str, kept: str | None) -> bool:
    """Whether it is the one; of nobody (None) it never is, and that takes as long to say."""
    if len(password) > _MOST_CHARACTERS:
        return False
    _, n, r, p, salt, known = (kept or _OF_NOBODY).split("$")
    made = _hash(password, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(made, base64.b64decode(known)) and kept is not None


def _hash(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=n,
        r=r,
        p=p,
        maxmem=192 * r * (n + p),
        dklen=_BYTES,
    )


_OF_NOBODY: Final = (
    f"scrypt${_N}${_R}${_P}$AAAAAAAAAAAAAAAAAAAAAA==$" + base64.b64encode(bytes(_BYTES)).decode()
)
