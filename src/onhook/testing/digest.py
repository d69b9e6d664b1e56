"""Digest authentication as a trunk asks for it (RFC 7616, RFC 8760, RFC 3261 22.4). Pure.

Written for the test phone alone, from the verifier's side: it shares nothing with the product's own.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from onhook.testing.sip_text import SipMessage

_PARAM = re.compile(r'([A-Za-z-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,"]*))\s*(?:,|$)')
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
ASKED_IN = {401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization")}  # fmt: skip


def read_params(value: str) -> dict[str, str]:
    """Read `Digest name="value", ...`, names in lower case; {} for what is no Digest."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    found: dict[str, str] = {}
    at = 0
    rest = rest.strip()
    while at < len(rest):
        param = _PARAM.match(rest, at)
        if param is None:
            return {}
        quoted = param[2] is not None
        found[param[1].lower()] = re.sub(r"\\(.)", r"\1", param[2]) if quoted else param[3]
        at = param.end()
        at += len(rest[at:]) - len(rest[at:].lstrip())
    return found


def expected_response(given: dict[str, str], password: str, method: str, body: bytes) -> str:
    """Compute the response that these credentials should hold (RFC 7616 3.4.1).

    KeyError for a parameter that is missing, or an algorithm that is unknown.
    """
    algorithm = given.get("algorithm", "MD5").upper()
    name = _HASHES[algorithm.removesuffix("-SESS")]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    secret = digest(f"{given['username']}:{given['realm']}:{password}")
    if algorithm.endswith("-SESS"):
        secret = digest(f"{secret}:{given['nonce']}:{given['cnonce']}")
    qop = given.get("qop")
    request = f"{method}:{given['uri']}"
    if qop == "auth-int":
        request += f":{hashlib.new(name, body).hexdigest()}"
    if qop is None:  # RFC 2069
        return digest(f"{secret}:{given['nonce']}:{digest(request)}")
    count, client = given["nc"], given["cnonce"]
    return digest(f"{secret}:{given['nonce']}:{count}:{client}:{qop}:{digest(request)}")


@dataclass(slots=True)
class Challenge:
    """What an INVITE must prove before it becomes a call; `Phone.challenge` documents the fields."""

    username: str
    password: str
    algorithms: Sequence[str]
    status: int
    realm: str
    qop: str
    stale: int
    wrong: list[str] = field(default_factory=list)
    """What was wrong with credentials, a sentence each."""
    _counts: dict[str, int] = field(default_factory=dict)
    """The nonces given out, each with the highest nc used."""

    def __post_init__(self) -> None:
        if unknown := {
            each for each in self.algorithms if each.removesuffix("-sess") not in _HASHES
        }:
            raise ValueError(f"no digest algorithm: {', '.join(sorted(unknown))}")
        if self.status not in ASKED_IN:
            raise ValueError("a challenge is a 401 or a 407")

    def ask(self, invite: SipMessage) -> list[tuple[str, str]] | None:
        """Return the headers to ask with, one an algorithm; None when the INVITE is authorised."""
        theirs = [read_params(v) for k, v in invite.headers if k.lower() == self._answer_name]
        ours = [given for given in theirs if given.get("realm") == self.realm]
        if not ours:
            return self._headers(stale=False)
        wrong = self._fault(ours[0], invite)
        if wrong:
            self.wrong.append(wrong)
            return self._headers(stale=False)
        if self.stale > 0:
            self.stale -= 1
            return self._headers(stale=True)
        return None

    @property
    def _answer_name(self) -> str:
        return ASKED_IN[self.status][1].lower()

    def _fault(self, given: dict[str, str], invite: SipMessage) -> str:
        """Say what is wrong with the credentials, "" when nothing is."""
        nonce = given.get("nonce", "")
        offered = [option.strip() for option in self.qop.split(",") if option.strip()]
        algorithm = given.get("algorithm", "MD5")
        if given.get("username") != self.username:
            return "another username"
        if nonce not in self._counts:
            return "a nonce that was not given out"
        if algorithm.upper() not in self.algorithms:
            return f"the algorithm {algorithm}, which was not offered"
        if given.get("uri") != invite.uri:
            return "the uri is not that of the request (RFC 7616 3.4)"
        if offered and given.get("qop") not in offered:
            return "the qop is none of those offered"
        if not offered and "qop" in given:
            return "a qop though none was offered"
        if offered and not self._count_rises(nonce, given.get("nc", "")):
            return "nc is not eight hexadecimal digits that rise (RFC 7616 3.4)"
        try:
            expected = expected_response(given, self.password, invite.method, invite.body)
        except KeyError as error:
            return f"no {error.args[0]}"
        return "" if given.get("response") == expected else "a wrong response"

    def _count_rises(self, nonce: str, count: str) -> bool:
        if not re.fullmatch(r"[0-9a-f]{8}", count) or int(count, 16) <= self._counts[nonce]:
            return False
        self._counts[nonce] = int(count, 16)
        return True

    def _headers(self, *, stale: bool) -> list[tuple[str, str]]:
        lines: list[tuple[str, str]] = []
        for algorithm in self.algorithms:
            nonce = secrets.token_hex(16)
            self._counts[nonce] = 0
            value = f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={algorithm}'
            if self.qop:
                value += f', qop="{self.qop}"'
            if stale:
                value += ", stale=true"
            lines.append((ASKED_IN[self.status][0], value))
        return lines
