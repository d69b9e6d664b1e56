"""Digest authentication towards a trunk (RFC 3261 22, RFC 7616, RFC 8760). Pure, but for what is random.

SHA-256, SHA-512-256 and MD5, and the `-sess` variants of each; `qop=auth`, or for those without `-sess` none
as in RFC 2069. Of every realm that asks (RFC 3261 22.3) the best challenge is answered. What cannot be
answered is said: `Authenticator.refusal`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from onhook import identifiers
from onhook.phone.message import Response
from onhook.phone.reply import HeaderLines

MAX_CHALLENGE_CHARS = 4096
"""Longer challenges are not read."""
MAX_TRIES = 3
"""So many challenges are answered for one request: one of each kind, and one for a stale nonce."""
MAX_REALMS = 4
"""So many realms are answered in one request."""
_MAX_SAID = 40
"""Characters of a challenge that are repeated in a reason."""

_UNREADABLE = "its challenge cannot be read"
_NO_NONCE = "its challenge has no realm or no nonce"

_HEADERS = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""The better one first; SHA-512-256 is the one to fall back upon (RFC 7616 3.2)."""
_SESS = "-sess"
_ALGORITHMS = {name.upper(): name for hashed in _HASHES for name in (hashed, hashed + _SESS)}
"""As they are written, by what they are in capitals; the better one first. One with `-sess` is as good."""
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
    """As RFC 7616 writes it."""
    named: bool
    """Whether it names its algorithm; if not, neither does the answer."""
    opaque: str | None
    qop: bool
    stale: bool

    @property
    def rank(self) -> int:
        """0 for the best algorithm."""
        return list(_ALGORITHMS.values()).index(self.algorithm)

    @property
    def is_of_session(self) -> bool:
        """Whether the nonces that a session begins with go into its key (RFC 7616 3.4.2)."""
        return self.algorithm.endswith(_SESS)


@dataclass(slots=True)
class _Session:
    challenge: DigestChallenge
    cnonce: str
    """Ours of the first answer, of which the key of a session is made."""
    count: int = 0


class Authenticator:
    """The credentials for one trunk, and the challenges of one call."""

    def __init__(
        self,
        username: str,
        password: str,
        cnonce: Callable[[], str] = lambda: identifiers.token_hex(8),
    ) -> None:
        self._username = username
        self._password = password
        self._cnonce = cnonce
        self._sessions: dict[tuple[int, str], _Session] = {}
        self.refusal = ""
        """Why the last challenge was not answered: a clause about the peer, empty if it was."""
        self.garbled = False
        """Whether that is because nobody could read it; the next one may be better."""

    def take(self, response: Response, tried: Sequence[int]) -> bool:
        """Read a 401 or 407; whether to send the request once more. If not, `refusal` says why.

        `tried` are the statuses of the challenges that this request has answered. The second of a
        kind says that the credentials are wrong, unless only their nonce was too old, or another realm
        asks now.
        """
        self.refusal, self.garbled = "", False
        if response.status not in _HEADERS:
            return False
        asked = read_challenges(response.headers.get(_HEADERS[response.status][0], ()))
        known = {realm for status, realm in self._sessions if status == response.status}
        if not self._username:
            self.refusal = "it asks for credentials, and there is no user name"
        elif not asked.answerable:
            self.refusal, self.garbled = asked.why, asked.garbled
        elif len(tried) >= MAX_TRIES:
            self.refusal = "it challenges every answer"
        elif response.status in tried and not any(
            one.stale or one.realm not in known for one in asked.answerable
        ):
            self.refusal = "it does not accept the user name and password"
        for one in () if self.refusal else asked.answerable:
            self._keep(response.status, one)
        return not self.refusal

    def _keep(self, status: int, challenge: DigestChallenge) -> None:
        """The newest challenge of each realm, and the newest realms."""
        self._sessions.pop((status, challenge.realm), None)
        of_this_kind = [key for key in self._sessions if key[0] == status]
        for key in of_this_kind[: 1 - MAX_REALMS]:
            del self._sessions[key]
        self._sessions[status, challenge.realm] = _Session(challenge, self._cnonce())

    def headers(self, method: str, uri: str) -> HeaderLines:
        """The headers for the next request: one for each kind of challenge and realm that was taken."""
        return tuple(
            (_HEADERS[status][1], self._answer(session, method, uri))
            for (status, _), session in self._sessions.items()
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
        secret = _hash(challenge, f"{self._username}:{challenge.realm}:{self._password}")
        if challenge.is_of_session:
            secret = _hash(challenge, f"{secret}:{nonce}:{session.cnonce}")
        if challenge.qop:
            # One and the same for a session: some servers make its key of what the last request says.
            cnonce = session.cnonce if challenge.is_of_session else self._cnonce()
            count = f"{session.count:08x}"
            fields |= {"qop": "auth", "nc": count, "cnonce": _quoted(cnonce)}
            nonce = f"{nonce}:{count}:{cnonce}:auth"
        request = _hash(challenge, f"{method}:{uri}")
        fields["response"] = _quoted(_hash(challenge, f"{secret}:{nonce}:{request}"))
        if challenge.named:
            fields["algorithm"] = challenge.algorithm
        if challenge.opaque is not None:
            fields["opaque"] = _quoted(challenge.opaque)
        return "Digest " + ", ".join(f"{name}={value}" for name, value in fields.items())


@dataclass(frozen=True, slots=True)
class Asked:
    """What a response asks for: the best challenge of each realm that can be answered; without one, `why`
    none can, a clause about whoever asks, and whether it is because none could be read."""

    answerable: tuple[DigestChallenge, ...]
    why: str = ""
    garbled: bool = False


def read_challenges(lines: Sequence[str]) -> Asked:
    """What some header lines ask for."""
    best: dict[str, DigestChallenge] = {}
    why = ""
    for scheme, fields in [one for line in lines for one in _challenges(line)]:
        challenge = _challenge(scheme, fields)
        if isinstance(challenge, str):
            why = why or challenge
            continue
        held = best.get(challenge.realm)
        if (held is None and len(best) < MAX_REALMS) or (held and challenge.rank < held.rank):
            best[challenge.realm] = challenge
    return Asked(tuple(best.values()), why or _UNREADABLE, why in ("", _NO_NONCE))


def fields_of(credentials: str) -> dict[str, str]:
    """What Digest credentials say, names in lower case (RFC 7616 3.4); nothing of other credentials."""
    found = [fields for scheme, fields in _challenges(credentials) if scheme.lower() == "digest"]
    return found[0] if found else {}


def _challenges(line: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Scheme and fields of each challenge of a line: a scheme begins the next one (RFC 9110 11.6.1)."""
    fields: dict[str, str] = {}
    scheme = ""
    position = 0
    while len(line) <= MAX_CHALLENGE_CHARS and (found := _FIELD.match(line, position)):
        position = found.end()
        if found["scheme"]:
            if scheme:
                yield scheme, fields
            fields, scheme = {}, found["scheme"]
        value = found["value"]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        fields.setdefault(found["name"].lower(), value)
    if scheme:
        yield scheme, fields


def _challenge(scheme: str, fields: dict[str, str]) -> DigestChallenge | str:
    """A challenge that can be answered, or why it cannot."""
    algorithm = fields.get("algorithm", "MD5").upper()
    words = [word.strip().lower() for word in fields.get("qop", "").split(",")]
    if scheme.lower() != "digest":
        return f"it asks for the scheme {_said(scheme)}, and we have Digest"
    if "realm" not in fields or not fields.get("nonce"):
        return _NO_NONCE
    if algorithm not in _ALGORITHMS:
        return f"it asks for the algorithm {_said(algorithm)}, and we have {', '.join(_HASHES)}"
    if "qop" in fields and "auth" not in words:
        return f"it asks for qop {_said(fields['qop'])}, and we have auth"
    if "qop" not in fields and algorithm.endswith(_SESS.upper()):
        return f"it asks for the algorithm {_said(algorithm)} without a qop, which says nothing of our nonce"
    return DigestChallenge(
        realm=fields["realm"],
        nonce=fields["nonce"],
        algorithm=_ALGORITHMS[algorithm],
        named="algorithm" in fields,
        opaque=fields.get("opaque"),
        qop="qop" in fields,
        stale=fields.get("stale", "").lower() == "true",
    )


def _said(word: str) -> str:
    return "".join(char for char in word[:_MAX_SAID] if char.isprintable() and char.isascii())


def _hash(challenge: DigestChallenge, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return _HASHES[challenge.algorithm.removesuffix(_SESS)](data)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
