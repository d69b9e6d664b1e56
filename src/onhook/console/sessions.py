"""Who is signed in: the token that a browser has, and how long it is good for.

The database has its hash alone. What forms carry against forgery follows from the token, so nothing of it is
kept anywhere.
"""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from onhook.console.roles import Role
from onhook.store import Store
from onhook.store import operators as kept
from onhook.store.noted import AuditEntry
from onhook.store.operators import ConsoleSession

IDLE_S: Final = 3600
"""A session that is not used for so long is over."""
WHOLE_S: Final = 12 * 3600
"""So long a session lasts at the most."""
_NOTED_S: Final = 60
"""Use is written down so often."""
_COOKIE: Final = "onhook-console"
_BEFORE: Final = "onhook-console-before"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody whom we know."""

    name: str
    role: Role
    token: str


class Sessions:
    """The sessions that the store has."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, name: str, noted: AuditEntry) -> str | None:
        """A new session; its token, or None if there is no such operator any more."""
        token, now_ms = secrets.token_urlsafe(32), _now_ms()
        session = ConsoleSession(hash_of(token), name, now_ms, now_ms)
        begun = await kept.begin_session(self._store, session, now_ms - IDLE_S * 1000, noted)
        return token if begun else None

    async def find(self, token: str, *, counts: bool) -> SignedIn | None:
        """Whose token it is, if it is still good; ``counts`` if that keeps it so."""
        if not 20 <= len(token) <= 100:
            return None
        found = await kept.session_of(self._store, hash_of(token))
        if found is None:
            return None
        session, operator = found
        now_ms = _now_ms()
        if now_ms > min(session.used_ms + IDLE_S * 1000, session.created_ms + WHOLE_S * 1000):
            await kept.end_session(self._store, session.token_hash)
            return None
        if counts and now_ms > session.used_ms + _NOTED_S * 1000:
            await kept.note_use(self._store, session.token_hash, now_ms)
        try:
            role = Role(operator.role)
        except ValueError:  # of a version after this one
            return None
        return SignedIn(operator.name, role, token)

    async def end(self, token: str, noted: AuditEntry | None = None) -> None:
        """Signs out."""
        await kept.end_session(self._store, hash_of(token), noted)


def hash_of(token: str) -> str:
    """What the database knows a token by."""
    return hashlib.sha256(token.encode()).hexdigest()


def form_token(token: str) -> str:
    """What the forms of a session carry, and no other page can know."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def signature(token: str, text: str) -> str:
    """Shows that a text came from a page of this session."""
    return hmac.new(token.encode(), b"said " + text.encode(), hashlib.sha256).hexdigest()[:32]


def same(one: str, other: str) -> bool:
    """Whether two texts are alike; how long that takes says nothing."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def token_in(request: HTTPConnection, *, encrypted: bool) -> str:
    """The token that came with a request; empty for none."""
    return request.cookies.get(_name(_COOKIE, encrypted), "")


def give(response: Response, token: str, *, encrypted: bool) -> None:
    """Has the browser keep the token until it is closed."""
    _set(response, _COOKIE, token, encrypted)


def take(response: Response, *, encrypted: bool) -> None:
    """Has the browser forget it."""
    _set(response, _COOKIE, "", encrypted, max_age=0)


def take_before(response: Response, *, encrypted: bool) -> None:
    """The form for signing in has done its work."""
    _set(response, _BEFORE, "", encrypted, max_age=0)


def token_before(request: HTTPConnection, *, encrypted: bool) -> str:
    """What the form for signing in is tied to; it is no session's, and never becomes one."""
    return request.cookies.get(_name(_BEFORE, encrypted), "")


def give_before(response: Response, token: str, *, encrypted: bool) -> None:
    """Ties the form for signing in to this browser."""
    _set(response, _BEFORE, token, encrypted)


def _set(
    response: Response, name: str, value: str, encrypted: bool, max_age: int | None = None
) -> None:
    response.set_cookie(
        _name(name, encrypted),
        value,
        max_age=max_age,
        path="/",
        secure=encrypted,
        httponly=True,
        samesite="strict",
    )


def _name(name: str, encrypted: bool) -> str:
    """Under this prefix a browser takes a cookie from nobody but this very host, and over HTTPS."""
    return f"__Host-{name}" if encrypted else name


def _now_ms() -> int:
    return round(time.time() * 1000)
