"""Digest as a server (RFC 3261 22, RFC 7616, RFC 8760): who may call from an address that nobody knows.

A nonce says when it was made and for which host, under a key of this process, so nothing is kept of those
who were only asked. Of those who gave the right answer the count is kept, so that none is taken twice.
Whoever is wrong hears the same, and after as long, whether there is such a user or not.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from onhook.phone.digest import fields_of
from onhook.phone.inbound.sources import InboundSources
from onhook.phone.message import Request
from onhook.phone.trunk import Trunk

REALM: Final = "onhook"
NONCE_S: Final = 60.0
"""An older nonce is stale: the caller is asked once more, and need not ask its user."""
MAX_NONCES: Final = 4096
"""So many used nonces are kept; with the oldest all are forgotten, and stale, that were made before it."""
MAX_WRONG: Final = 10
"""After so many wrong answers an address is not listened to for `WRONG_S`."""
WRONG_S: Final = 60.0
_MAX_WRONG_HOSTS = 1024
_MAX_CREDENTIALS_CHARS = 2048
_ALGORITHMS: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""As they are offered: the better one first (RFC 8760 2.3)."""
_NOBODYS = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The answer to somebody who has to prove who it is: 401 with these headers."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Somebody gave a wrong answer, or too many of them."""


@dataclass(frozen=True, slots=True)
class _Credentials:
    """What an Authorization header says that is in our words."""

    user: str
    nonce: str
    uri: str
    algorithm: str
    response: str
    count: int
    """The nc; 1 without a qop."""
    rest: str
    """What stands between the nonce and the method's hash: `nc:cnonce:qop:`, or nothing without a qop."""


class Challenger:
    """Asks callers who they are, and looks at what they answer. `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)
        self._used: dict[str, int] = {}
        self._forgotten_s = -1.0
        self._wrong: dict[str, tuple[int, float]] = {}

    def look_at(self, request: Request, sources: InboundSources) -> Trunk | Challenge | Wrong:
        """The trunk whose user sent this request, or what it is to be answered."""
        host, now_s = request.source[0], self._now()
        if self._is_barred(host, now_s):
            return Wrong()
        found = _credentials(request.headers.get("authorization", ()))
        if found is None:
            return self._challenge(host, now_s, stale=False)
        made_s = self._made_s(found.nonce, host)
        fresh = made_s is not None and self._forgotten_s < made_s and now_s - made_s <= NONCE_S
        if not fresh or found.count <= self._used.get(found.nonce, 0):
            return self._challenge(host, now_s, stale=made_s is not None)
        trunk = _proven(found, request.method, sources.of_user(found.user))
        if trunk is None:
            self._note_wrong(host, now_s)
            return Wrong()
        self._note_used(found)
        return trunk

    def _challenge(self, host: str, now_s: float, *, stale: bool) -> Challenge:
        nonce = self._nonce(f"{now_s:.3f}-{secrets.token_hex(4)}", host)
        again = ", stale=true" if stale else ""
        return Challenge(
            tuple(
                (
                    "WWW-Authenticate",
                    f'Digest realm="{REALM}", nonce="{nonce}", algorithm={name}, qop="auth"{again}',
                )
                for name in _ALGORITHMS
            )
        )

    def _nonce(self, made: str, host: str) -> str:
        """`made` is when, and something that no other nonce of that moment has."""
        text = f"{made}|{host}".encode("utf-8", "surrogateescape")
        return f"{made}-{hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]}"

    def _made_s(self, nonce: str, host: str) -> float | None:
        """When a nonce of ours was made for this host; None if it was not."""
        made, _, _ = nonce.rpartition("-")
        written = nonce.encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(
            self._nonce(made, host).encode("utf-8", "surrogateescape"), written
        ):
            return None
        return _seconds(made)

    def _note_used(self, found: _Credentials) -> None:
        self._used.pop(found.nonce, None)
        self._used[found.nonce] = found.count
        if len(self._used) > MAX_NONCES:
            oldest = next(iter(self._used))
            del self._used[oldest]
            self._forgotten_s = max(self._forgotten_s, _seconds(oldest))

    def _is_barred(self, host: str, now_s: float) -> bool:
        count, since_s = self._wrong.get(host, (0, 0.0))
        return count >= MAX_WRONG and now_s - since_s < WRONG_S

    def _note_wrong(self, host: str, now_s: float) -> None:
        count, since_s = self._wrong.pop(host, (0, now_s))
        self._wrong[host] = (count + 1, since_s) if now_s - since_s < WRONG_S else (1, now_s)
        if len(self._wrong) > _MAX_WRONG_HOSTS:
            del self._wrong[next(iter(self._wrong))]


def _seconds(nonce: str) -> float:
    """When a nonce of ours was made."""
    return float(nonce.partition("-")[0])


def _credentials(lines: Sequence[str]) -> _Credentials | None:
    """The first credentials for our realm that can be read."""
    for line in lines:
        said = fields_of(line) if len(line) <= _MAX_CREDENTIALS_CHARS else {}
        algorithm = said.get("algorithm", "MD5").upper()
        if said.get("realm") != REALM or algorithm not in _ALGORITHMS:
            continue
        names = ("username", "nonce", "uri", "response")
        if not all(said.get(name) for name in names):
            continue
        qop, count, rest = said.get("qop", ""), "1", ""
        if qop:
            count = said.get("nc", "")
            rest = f"{count}:{said.get('cnonce', '')}:{qop}:"
        number = _count(count)
        if number is None or qop not in ("", "auth"):
            continue
        user, nonce, uri, response = (said[name] for name in names)
        return _Credentials(user, nonce, uri, algorithm, response.lower(), number, rest)
    return None


def _count(text: str) -> int | None:
    """An nc (RFC 7616 3.4): up to eight digits in hex."""
    try:
        return int(text, 16) if text.isascii() and text.isalnum() and len(text) <= 8 else None
    except ValueError:
        return None


def _proven(found: _Credentials, method: str, trunks: Sequence[Trunk]) -> Trunk | None:
    """The trunk whose password the caller has; one that nobody has is tried where there is none."""
    hashed = _ALGORITHMS[found.algorithm]

    def digest(text: str) -> str:
        return hashed(text.encode("utf-8", "surrogateescape"))

    proven = None
    asked = digest(f"{method}:{found.uri}")
    candidates: Sequence[Trunk | None] = trunks or (None,)
    for trunk in candidates:
        password = trunk.password if trunk is not None else _NOBODYS
        secret = digest(f"{found.user}:{REALM}:{password}")
        right = digest(f"{secret}:{found.nonce}:{found.rest}{asked}")
        fits = hmac.compare_digest(
            right.encode(), found.response.encode("utf-8", "surrogateescape")
        )
        if fits and trunk is not None and proven is None:
            proven = trunk
    return proven
