"""A Hangup that an operator asks for in an application's place, by its API: how that is said, and believed.

Only who has the data directory's key can say so, and for one call: an application cannot blame an operator.
"""

import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote

HEADER: Final = "X-Onhook-Operator"

NameFor = Callable[[str], str]
"""A keyed hash: :meth:`onhook.store.Keyring.name_for`."""


def header_of(name_for: NameFor, name: str, session: str) -> str:
    """The value of HEADER with which the command asks: ASCII, whatever the names of users are here."""
    return f"{quote(name)} {_signature(name_for, name, session)}"


def read_header(name_for: NameFor, value: str, session: str) -> str:
    """Who asks, and by which way: ``cli root``; empty for what none of us has written."""
    written, _, signature = value.rpartition(" ")
    name = unquote(written)
    known = _signature(name_for, name, session)
    return f"cli {name}" if name and hmac.compare_digest(signature.encode(), known.encode()) else ""


def _signature(name_for: NameFor, name: str, session: str) -> str:
    return name_for(f"the operator {name} hangs up {session}")
