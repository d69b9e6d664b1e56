"""Identifiers that a stranger cannot guess, in the shapes that clients of the API know."""

import string
import time

from onhook import identifiers

_ALPHABET = string.digits + string.ascii_letters
_SESSION_CHARACTERS = 20
"""119 bits; the API asks for 96."""


def new_session() -> str:
    """A session: ``S`` and twenty digits and letters."""
    return "S" + identifiers.token_text(_ALPHABET, _SESSION_CHARACTERS)


def is_session(text: str) -> bool:
    """Whether the text has the shape of a session at all; what has not is never looked up."""
    return len(text) == 1 + _SESSION_CHARACTERS and text.isascii() and text.isalnum()


def new_txn_ref(prefix: str) -> str:
    """A reference of a call: account prefix, ``C``, integer. Random, so that it tells nothing."""
    return f"{prefix}-C-{10**17 + identifiers.randbelow(9 * 10**17)}"


def new_notification_id() -> str:
    """The id of a notification; receivers drop what they have seen by it.

    It begins with the time (48 bits, ms), so that those of one moment stand in one place of an index; the 80
    bits behind it are random.
    """
    return f"msg_{time.time_ns() // 1_000_000:012x}{identifiers.token_hex(10)}"


def new_incident() -> str:
    """What an error reply and its log line have in common."""
    return identifiers.token_hex(6)
