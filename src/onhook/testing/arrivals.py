"""INVITEs that are not a call yet: challenged ones, and those a test wants to be lost."""

import secrets

from onhook.testing.call_log import CallLog
from onhook.testing.digest import Challenge
from onhook.testing.invites import ReceivedInvite
from onhook.testing.requests import Wire
from onhook.testing.sip_text import Address, SipMessage

MAX_KEPT = 1000


class Arrivals:
    """Decides which INVITEs become calls."""

    def __init__(self) -> None:
        self.challenges: list[Challenge] = []
        """What is asked, one after the other."""
        self.challenged: list[SipMessage] = []
        """The INVITEs that were answered with a challenge, the first 1000."""
        self.ignored: list[SipMessage] = []
        """The INVITEs that were treated as lost, the first 1000."""
        self.invites_to_ignore = 0
        """Act as if so many INVITEs had been lost."""
        self._asked: dict[str, ReceivedInvite] = {}

    def admit(self, wire: Wire, invite: SipMessage, source: Address) -> bool:
        """Tell whether the INVITE is a call; if not, all that is due to it was done."""
        if self.invites_to_ignore > 0:
            self.invites_to_ignore -= 1
            self.ignored = [*self.ignored, invite][:MAX_KEPT]
            return False
        for challenge in self.challenges:
            asked = challenge.ask(invite)
            if asked is not None:
                self._challenge(wire, invite, source, challenge.status, asked)
                return False
        return True

    def take(self, message: SipMessage) -> bool:
        """Take an ACK, CANCEL or repetition of a challenged INVITE; false if it is none."""
        asked = self._asked.get(message.branch)
        if asked is None:
            return False
        if message.method == "ACK":
            asked.take_ack(message)
        elif message.method == "INVITE":
            asked.repeat()
        else:
            return False
        return True

    def close(self) -> None:
        """Repeat nothing any more."""
        for asked in self._asked.values():
            asked.stop()

    def _challenge(
        self,
        wire: Wire,
        invite: SipMessage,
        source: Address,
        status: int,
        headers: list[tuple[str, str]],
    ) -> None:
        self.challenged = [*self.challenged, invite][:MAX_KEPT]
        asked = ReceivedInvite(wire, CallLog(), invite, source, secrets.token_hex(6))
        self._asked[invite.branch] = asked
        reason = {401: "Unauthorized", 407: "Proxy Authentication Required"}[status]
        asked.respond(status, reason, headers)
