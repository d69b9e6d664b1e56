"""Offer and answer of the keys of one call (RFC 4568 7.1). Pure, but for the keys, which are random.

    off      no key is offered, and none is taken
    prefer   an offer has keys beside RTP/AVP, which a peer without encryption passes over; an answer is as
             the peer offers
    require  an offer is RTP/SAVP, and nothing in the clear is agreed to

Once keys were agreed there is no way back: whatever the policy, it is `require` for the rest of the call.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from onhook.phone.errors import NotEncrypted
from onhook.phone.srtp.crypto import MASTER_BYTES, Agreed, Crypto, MasterKey, Suite

Policy = Literal["off", "prefer", "require"]

IN_THE_CLEAR = "audio in the clear, and this call is encrypted"
UNUSABLE = "no crypto attribute that can be used"


class Negotiation:
    """The keys of one call. `new_master` gives a key and its salt."""

    def __init__(
        self,
        policy: Policy = "off",
        new_master: Callable[[], bytes] = lambda: secrets.token_bytes(MASTER_BYTES),
    ) -> None:
        self.wanted: Policy = policy
        """As long as nothing was agreed."""
        self.agreed: Agreed | None = None
        self._new_master = new_master
        self._offered: tuple[Crypto, ...] = ()
        self._heard_early = False

    @property
    def policy(self) -> Policy:
        """What a description of the peer has to satisfy now."""
        return "require" if self.agreed or self._heard_early else self.wanted

    @property
    def offered(self) -> tuple[Crypto, ...]:
        """Our lines of the last offer."""
        return self._offered

    @property
    def heard_early(self) -> bool:
        """Whether a phone that rings was heard to encrypt."""
        return self._heard_early

    def resume(
        self, agreed: Agreed | None, offered: tuple[Crypto, ...], *, heard_early: bool
    ) -> None:
        """Go on where another process was."""
        self.agreed, self._offered, self._heard_early = agreed, offered, heard_early

    @property
    def secure_transport(self) -> bool:
        """Whether an offer of ours that follows none of the peer is RTP/SAVP."""
        return self.wanted == "require"

    def offer(self, *, first: bool) -> tuple[Crypto, ...]:
        """The lines of our offer: one for each suite at first, later what is in use."""
        if self.agreed is not None:
            self._offered = (Crypto(self.agreed.tag, self.agreed.send),)
        elif self.wanted == "off" or not first:
            self._offered = ()
        elif not self._offered:
            self._offered = tuple(
                Crypto(tag, self._new_key(suite)) for tag, suite in enumerate(Suite, start=1)
            )
        return self._offered

    def answer(self, offered: tuple[Crypto, ...]) -> Crypto | None:
        """Agree to the first of the lines that the peer offers; our line of the answer.

        Our key stays if the peer's does (7.1.4): what is only repeated changes nothing.
        """
        if not offered:
            return None
        theirs, before = offered[0], self.agreed
        if before is not None and before.receive == theirs.key:
            ours = before.send
            self.agreed = replace(before, tag=theirs.tag)
        else:
            ours = self._new_key(theirs.key.suite)
            self.agreed = Agreed(theirs.tag, ours, theirs.key, answered=True)
        return Crypto(theirs.tag, ours)

    def preview(self, answered: tuple[Crypto, ...]) -> Agreed | None:
        """What may become the answer, of one of several phones. From now on none may do without."""
        agreed = self._answered(answered)
        self._heard_early |= agreed is not None
        return agreed

    def take_answer(self, answered: tuple[Crypto, ...]) -> Agreed | None:
        """Agree to the answer to our offer; raises `NotEncrypted` for a key that does not fit to it."""
        self.agreed = self._answered(answered) or self.agreed
        return self.agreed

    def _answered(self, answered: tuple[Crypto, ...]) -> Agreed | None:
        """An answer has one line, with the tag and the suite of one that was offered (7.1.3)."""
        if not answered or not self._offered:
            return None
        if len(answered) > 1:
            raise NotEncrypted("more than one crypto attribute in an answer")
        theirs = answered[0]
        ours = next((line for line in self._offered if line.tag == theirs.tag), None)
        if ours is None or ours.key.suite is not theirs.key.suite:
            raise NotEncrypted("a crypto attribute in an answer that was not offered")
        return Agreed(theirs.tag, ours.key, theirs.key)

    def _new_key(self, suite: Suite) -> MasterKey:
        return MasterKey(self._new_master(), suite)
