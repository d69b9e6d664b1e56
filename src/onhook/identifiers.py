"""Random identifiers that nobody can guess: as strong as those of `secrets`, without a system call each.

The functions have the names of those in `secrets`, and draw from the same source, `os.urandom`, 4 KB
at a time. What is drawn ahead lies in memory until it is used, so keys (SRTP, tokens, webhook secrets)
are still made by `secrets`.

Bytes are given out by one C method (``BytesIO.read``), which nothing can come between: neither another
thread nor the handler of a signal is given bytes that somebody has. A process that was forked draws
anew, since its parent goes on with what it had; one that was exec'd has no memory of it at all.
"""

import functools
import os
from io import BytesIO

_DRAWN_BYTES = 4096
_ahead = BytesIO()


def token_bytes(count: int) -> bytes:
    """`count` random bytes."""
    taken = _ahead.read(count)
    return taken if len(taken) == count else _drawn(count)


def token_hex(count: int) -> str:
    """`count` random bytes in hexadecimal digits, two for each."""
    return token_bytes(count).hex()


def randbits(count: int) -> int:
    """An integer of `count` random bits."""
    whole_bytes = (count + 7) // 8
    return int.from_bytes(token_bytes(whole_bytes), "big") >> (whole_bytes * 8 - count)


def randbelow(limit: int) -> int:
    """An integer from 0 up to `limit`, but not `limit` itself; each as likely as any other.

    Raises ``ValueError`` if there is none.
    """
    if limit <= 0:
        raise ValueError(f"There is no integer from 0 up to {limit}.")
    bits = (limit - 1).bit_length()
    found = randbits(bits)
    while found >= limit:
        found = randbits(bits)
    return found


def token_text(alphabet: str, count: int) -> str:
    """`count` characters of `alphabet`, each as likely as any other.

    `alphabet` has from 2 to 256 characters, those of Latin 1 at most.
    """
    letters, left_out = _letters(alphabet)
    found = b""
    while len(found) < count:
        found += token_bytes(count - len(found) + 4).translate(letters, left_out)
    return found[:count].decode("latin-1")


def _drawn(count: int) -> bytes:
    """Bytes of a new drawing; what the last one had left is left out."""
    global _ahead  # replaced whole, so that whoever reads the old one meanwhile is not disturbed
    drawn = BytesIO(os.urandom(max(count, _DRAWN_BYTES)))
    taken = drawn.read(count)
    _ahead = drawn
    return taken


@functools.cache
def _letters(alphabet: str) -> tuple[bytes, bytes]:
    """For `bytes.translate`: the character of each byte, and bytes to leave out, to favour none."""
    characters = alphabet.encode("latin-1")
    size = len(characters)
    return bytes(characters[byte % size] for byte in range(256)), bytes(
        range(256 - 256 % size, 256)
    )


def _forget() -> None:
    global _ahead
    _ahead = BytesIO()


os.register_at_fork(after_in_child=_forget)
