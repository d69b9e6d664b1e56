"""Encrypted sound (SRTP by SDES, RFC 4568), by libsrtp: `pip install pylibsrtp`, where it is wanted.

Nothing here is imported before a phone is told to encrypt.
"""

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SrtpPolicy = Literal["off", "prefer", "require"]

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
_LINE = re.compile(r"a=crypto:(\d+) (\S+) inline:([A-Za-z0-9+/]{40})(?:\|.*)?")


@dataclass(frozen=True, slots=True)
class CryptoText:
    """A crypto attribute; `master` is the key and behind it the salt."""

    tag: int
    suite: str
    master: bytes

    @classmethod
    def parse(cls, line: str) -> "CryptoText | None":
        """Read a line of a description; None if it is none, or of a suite that libsrtp is not asked for."""
        found = _LINE.fullmatch(line)
        if found is None or found[2] not in SUITES:
            return None
        return cls(int(found[1]), found[2], base64.b64decode(found[3]))

    def line(self) -> str:
        """Write it."""
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.master).decode()}"


class Encryption:
    """The keys of one call of the phone. Raises ImportError without pylibsrtp."""

    def __init__(self, policy: SrtpPolicy, suites: Sequence[str] = SUITES) -> None:
        import pylibsrtp

        self._library = pylibsrtp
        self.policy: SrtpPolicy = policy
        self.suite = ""
        """What was agreed; empty in the clear."""
        self.unreadable = 0
        """Packets received that were not encrypted by the other side's key."""
        self.early = 0
        """Packets received before that key was known, which nobody could read."""
        self.ours = [
            CryptoText(tag, suite, secrets.token_bytes(30)) for tag, suite in enumerate(suites, 1)
        ]
        self._keys: tuple[CryptoText, CryptoText] | None = None
        self._inbound: list[Any] = []
        self._outbound: Any = None

    @property
    def transport(self) -> str:
        """The protocol of an offer."""
        return "RTP/SAVP" if self.policy == "require" or self.suite else "RTP/AVP"

    def rekey(self) -> None:
        """Have a new key in the next description."""
        self.ours = [CryptoText(c.tag, c.suite, secrets.token_bytes(30)) for c in self.ours]

    def offer(self) -> list[str]:
        """The lines of an offer."""
        return [each.line() for each in self.ours]

    def answer(self, offered: Sequence[CryptoText]) -> list[str] | None:
        """The line of an answer; none in the clear, None if that is not to be."""
        known = [each.suite for each in self.ours]
        theirs = next((each for each in offered if each.suite in known), None)
        if theirs is None:
            return None if self.policy == "require" or self.suite else []
        ours = CryptoText(theirs.tag, theirs.suite, self.ours[known.index(theirs.suite)].master)
        self._use(ours, theirs)
        return [ours.line()]

    def take(self, described: Sequence[CryptoText]) -> None:
        """Use the other side's key, as its description has it; it may be an offer that was answered."""
        for theirs in described:
            ours = [each for each in self.ours if each.suite == theirs.suite]
            if ours:
                self._use(ours[0], theirs)
                return

    def seal(self, packet: bytes) -> bytes:
        """Encrypt what is sent, if that was agreed."""
        if self._outbound is None:
            return packet
        sealed: bytes = self._outbound.protect(packet)
        return sealed

    def open(self, data: bytes) -> bytes:
        """Decrypt what was received, if that was agreed; empty if it cannot be read."""
        for session in self._inbound:  # what is under way has the key of before
            try:
                opened: bytes = session.unprotect(data)
            except self._library.Error:
                continue
            return opened
        if not self._inbound and self.policy != "require":
            return data
        self.unreadable += bool(self._inbound)
        self.early += not self._inbound
        return b""

    def _use(self, ours: CryptoText, theirs: CryptoText) -> None:
        before = self._keys
        self._keys, self.suite = (ours, theirs), theirs.suite
        library = self._library
        if before is None or before[0].master != ours.master:
            self._outbound = self._session(ours, library.Policy.SSRC_ANY_OUTBOUND)
        if before is None or before[1].master != theirs.master:
            session = self._session(theirs, library.Policy.SSRC_ANY_INBOUND)
            self._inbound = [session, *self._inbound[:1]]

    def _session(self, key: CryptoText, direction: int) -> Any:
        policy = self._library.Policy
        profiles = (policy.SRTP_PROFILE_AES128_CM_SHA1_80, policy.SRTP_PROFILE_AES128_CM_SHA1_32)
        profile = profiles[SUITES.index(key.suite)]
        return self._library.Session(policy(key.master, direction, srtp_profile=profile))
