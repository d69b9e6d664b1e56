"""A call to us that another process had."""

from collections.abc import Mapping
from dataclasses import replace

from onhook.phone.adoption.leg import AdoptedLeg
from onhook.phone.dialog import SipDialog
from onhook.phone.errors import SdpError
from onhook.phone.identity import Caller, PhoneUser
from onhook.phone.inbound.sources import Origin
from onhook.phone.incoming import AnsweringSignalling, IncomingCall
from onhook.phone.kept.invite import invite_of
from onhook.phone.kept.media import media_of
from onhook.phone.kept.reading import Fields, KeptUnreadable
from onhook.phone.leg import Leg
from onhook.phone.lifecycle import CallState
from onhook.phone.pending import PendingInvite
from onhook.phone.reason import TEMPORARY_FAILURE
from onhook.phone.reliable.ringing import ReliableRinging
from onhook.phone.sdp import Offer, RemoteMedia
from onhook.phone.session import chosen
from onhook.phone.trunk import Trunk


class AdoptedIncoming(AdoptedLeg, IncomingCall):
    """Of one that is answered it is not known any more who called whom: `called`, `addressed`, `caller` and
    `custom_headers` are empty."""

    def __init__(
        self,
        fields: Fields,
        keys: Mapping[str, str],
        signalling: AnsweringSignalling,
        trunk: Trunk | None,
    ) -> None:
        """`fields` are those of the leg, `keys` its secrets. Raises `KeptUnreadable`, or what is raised for
        an INVITE that does not go with the trunk as that is now."""
        mine = fields.part("in")
        dialog = SipDialog.of_kept(fields.part("dialog"), signalling.headroom)
        source = mine.address("source")
        if mine.has("invite"):
            invite = invite_of(keys.get("invite") or mine.text("invite"), source)
            IncomingCall.__init__(self, invite, dialog, signalling, Origin(trunk))
            self._transaction.on_unheard = self._refusal_unheard
        else:
            Leg.__init__(self, signalling)
            self._be_answered(signalling, dialog, trunk)
        self.source, self._pending = source, None
        try:
            self.resume(fields, keys)
        except ValueError:
            if self._invite is not None:
                self._transaction.terminate()
            raise

    def resume(self, fields: Fields, keys: Mapping[str, str]) -> None:
        """As of any leg."""
        mine = fields.part("in")
        if mine.has("pending"):
            self._pending = PendingInvite.from_dict(mine.mapping("pending"))
        offer = media_of(mine.part("offer"), None) if mine.has("offer") else None
        if self._invite is not None:
            self._locate(offer)
            self._ringing.resume(mine.part("ringing"), keys)
            self.rings = mine.flag("rings")
        else:
            self._ringing.describes = mine.flag("describes")
        super().resume(fields, keys)
        agreed = self._session.security.agreed
        self.offer = replace(offer, srtp=agreed) if offer else None
        if self._offer is not None:
            self.offer = replace(self._offer.media, srtp=agreed)
            self._offer = replace(self._offer, media=self.offer)
        if self._awaits_answer and self._session.agreed is None:
            raise KeptUnreadable("what the caller agreed to was lost")

    def go_on(self) -> None:
        """As of any leg; a caller that heard us ring hears it again."""
        super().go_on()
        if self._invite is None:
            return
        self._ringing.go_on(self._unconfirmed)
        if self.state is CallState.OFFERED and self.rings:
            ip, port = self._session.at
            self.ring(ip, port)
        elif self._awaits_answer:
            self._answer_as_agreed()

    def abandon(self) -> None:
        """As of any leg."""
        if self._invite is not None:
            self._transaction.terminate()
        super().abandon()

    @property
    def _awaits_answer(self) -> bool:
        """Whether the owner has answered, and so has the caller, in its PRACK."""
        return (
            self.state is CallState.ANSWERED
            and self._invite is not None
            and self._ringing.confirmed
        )

    def _locate(self, offer: RemoteMedia | None) -> None:
        """The host of the audio that is offered was found before."""
        if offer is None or self._offer is not None:
            return

        def located(found: Offer) -> None:
            self._offer = chosen(found, self._session.codecs)
            self.secure(self._session.security.wanted)

        def lost(error: SdpError) -> None:
            raise KeptUnreadable("an offer that cannot be read") from error

        self._first.locate(lambda host, tell: tell(offer.ip), located, lost)

    def _refusal_unheard(self) -> None:
        """The caller does not acknowledge what refuses it: then it has a 2xx of the other process, which was
        about to write that it had answered. There is a call, which is to be ended."""
        if self.state is CallState.ENDED:
            self._signalling.requests.within(
                self.dialog.record(), "BYE", (TEMPORARY_FAILURE.header, *self.parting_headers)
            )

    def _be_answered(
        self, signalling: AnsweringSignalling, dialog: SipDialog, trunk: Trunk | None
    ) -> None:
        """What `IncomingCall` has of its INVITE, without that."""
        self.sip_call_id, self.origin, self.dialog = dialog.call_id, Origin(trunk), dialog
        self.called, self.addressed, self.caller = PhoneUser(""), (), Caller()
        self.custom_headers = ()
        self._invite = self._offer = self._kept_offer = None
        self._kept_invite, self.rings = "", False
        self._ringing = ReliableRinging(None, None, signalling.later, signalling.t1_s)
        if trunk is not None:
            Leg.take_trunk(self, trunk)
