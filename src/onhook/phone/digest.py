"""Digest authentication towards a trunk (RFC 3261 22, RFC 7616, RFC 8760). Pure but for `secrets`.

MD5 and SHA-256, the latter wherever it is offered; `qop=auth`, or none as in RFC 2069. Challenges of any
other kind are as good as none.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from onhook.phone.message import Response
from onhook.phone.reply import HeaderLines

MAX_CHALLENGE_CHARS = 4096
"""Longer challenges are not read."""
MAX_TRIES = 3
"""So many challenges are answered for one request: one of each kind, and one for a stale nonce."""

_HEADERS = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""The better one first."""
_FIELD = re.compile(
    r'[\s,]*(?:(?P<scheme>[A-Za-z0-9!#$%&\'*+.^_`|~-]+)[ \t]+)?'
    r'(?P<name>[A-Za-z0-9!#$%&\'*+.^_`|~-]+)[ \t]*=[ \t]*'
    r'(?P<value>"(?:[^"\\]|\\.)*"|[^\s,"]*)'
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """One Digest challenge that can be answered."""

    realm: str
    nonce: str
    algorithm: str
    named: bool
    """Whether it names its algorithm; if not, neither does the answer."""
    opaque: str | None
    qop: bool
    stale: bool


@dataclass(slots=True)
class _Session:
    challenge: DigestChallenge
    count: int = 0


class Authenticator:
    """The credentials for one trunk, and the challenges of one call."""

    def __init__(
        self,
        username: str,
        password: str,
        cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._username = username
        self._password = password
        self._cnonce = cnonce
        self._sessions: dict[int, _Session] = {}

    def take(self, response: Response, tried: Sequence[int]) -> bool:
        """Read a 401 or 407; whether to send the request once more.

        `tried` are the statuses of the challenges that this request has answered. The second of a
        kind says that the credentials are wrong, unless only their nonce was too old.
        """
        if response.status not in _HEADERS or not self._username or len(tried) >= MAX_TRIES:
            return False
        challenge = read_challenge(response.headers.get(_HEADERS[response.status][0], ()))
        if challenge is None or (response.status in tried and not challenge.stale):
            return False
        self._sessions[response.status] = _Session(challenge)
        return True

    def headers(self, method: str, uri: str) -> HeaderLines:
        """The headers for the next request: one for each kind of challenge that was taken."""
        return tuple(
            (_HEADERS[status][1], self._answer(session, method, uri))
            for status, session in self._sessions.items()
        )

    def _answer(self, session: _Session, method: str, uri: str) -> str:
        challenge = session.challenge
        session.count += 1
        fields = {
            "username": _quoted(self._username),
            "realm": _quoted(challenge.realm),
            "nonce": _quoted(challenge.nonce),
            "uri": _quoted(uri),
        }
        nonce = challenge.nonce
        if challenge.qop:
            count, cnonce = f"{session.count:08x}", self._cnonce()
            fields |= {"qop": "auth", "nc": count, "cnonce": _quoted(cnonce)}
            nonce = f"{nonce}:{count}:{cnonce}:auth"
        secret = _hash(challenge, f"{self._username}:{challenge.realm}:{self._password}")
        request = _hash(challenge, f"{method}:{uri}")
        fields["response"] = _quoted(_hash(challenge, f"{secret}:{nonce}:{request}"))
        if challenge.named:
            fields["algorithm"] = challenge.algorithm
        if challenge.opaque is not None:
            fields["opaque"] = _quoted(challenge.opaque)
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())


def read_challenge(lines: Sequence[str]) -> DigestChallenge | None:
    """The best challenge of some header lines that can be answered, or None."""
    found = [challenge for line in lines for challenge in _challenges(line)]
    for algorithm in _HASHES:
        for challenge in found:
            if challenge.algorithm == algorithm:
                return challenge
    return None


def _challenges(line: str) -> Iterator[DigestChallenge]:
    """The Digest challenges of one line: a scheme's name begins the next one (RFC 9110 11.6.1)."""
    fields: dict[str, str] = {}
    digest = False
    position = 0
    while len(line) <= MAX_CHALLENGE_CHARS and (found := _FIELD.match(line, position)):
        position = found.end()
        if found["scheme"]:
            yield from _challenge(fields) if digest else ()
            fields, digest = {}, found["scheme"].lower() == "digest"
        value = found["value"]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        fields.setdefault(found["name"].lower(), value)
    yield from _challenge(fields) if digest else ()


def _challenge(fields: dict[str, str]) -> Iterator[DigestChallenge]:
    algorithm = fields.get("algorithm", "MD5").upper()
    words = [word.strip().lower() for word in fields.get("qop", "").split(",")]
    if "realm" not in fields or not fields.get("nonce") or algorithm not in _HASHES:
        return
    if "qop" in fields and "auth" not in words:
        return
    yield DigestChallenge(
        realm=fields["realm"],
        nonce=fields["nonce"],
        algorithm=algorithm,
        named="algorithm" in fields,
        opaque=fields.get("opaque"),
        qop="qop" in fields,
        stale=fields.get("stale", "").lower() == "true",
    )


def _hash(challenge: DigestChallenge, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return _HASHES[challenge.algorithm](data)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
