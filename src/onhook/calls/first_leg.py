"""The leg by which a call began: of somebody who called us, or of somebody whom we called."""

from collections.abc import Callable, Mapping
from typing import Protocol

from onhook.calls.call_media import CallMedia
from onhook.calls.dialogs import OpenDialog
from onhook.media.stream import Latching
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallListener, CallState, OutgoingListener
from onhook.phone.reason import NORMAL, Reason
from onhook.phone.reply import HeaderLines
from onhook.phone.sdp import RemoteMedia, is_ipv6


class FirstLegListener(CallListener, OutgoingListener, Protocol):
    """What the owner of a call is told by its first leg, whoever placed it."""

    def leg_changed(self, then: Callable[[], None]) -> None:
        """What it takes to end the leg is another now; ``then`` is to be called when that is on disk."""

    def once_kept(self, then: Callable[[], None]) -> None:
        """``then`` is to be called when all that the leg keeps now is on disk."""


class FirstLeg(Protocol):
    """A first leg. Nothing leaves before :meth:`alert`, which is called when the call is on disk."""

    def attach(
        self, listener: FirstLegListener, media: CallMedia, on_heard: Callable[[], None]
    ) -> None:
        """From now on ``listener`` hears of it, and ``on_heard`` whenever a message shows that its phone
        is there. The audio of a call that we place is to come to the port of ``media``."""

    def alert(self) -> None:
        """Its phone rings: 180 to a caller, the INVITE to a callee."""

    @property
    def logged(self) -> Mapping[str, object]:
        """What the log says of it, when the call is over."""

    @property
    def offer(self) -> RemoteMedia | None:
        """The audio that a caller offers; None where there is no offer."""

    @property
    def agreed(self) -> RemoteMedia | None:
        """What was agreed of the audio; None before that."""

    def answer(self, port: int) -> None:
        """200 to a caller, whose audio is to come to ``port``."""

    def reject(self, code: int, headers: HeaderLines = ()) -> bool:
        """Rejects a caller who still waits for an answer; False if there is none."""

    def hangup(self, reason: Reason | None = NORMAL, headers: HeaderLines = ()) -> None:
        """BYE; CANCEL to a callee who has not answered. ``reason`` is what its phone is told, and
        ``headers`` stand in the BYE. None: it was taken over, its call cannot be, and is settled without it;
        nothing of it is said any more."""

    def release(self) -> None:
        """Its owner, for whom it is over, hears nothing more of it."""

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Asks its phone whether it still has the call; False if that cannot be done now."""

    def latching(self) -> Latching:
        """Where its audio may come from."""

    @property
    def owes_refusal(self) -> bool:
        """Whether a caller who gave up has not been told so yet: its call is over, and its dialog is not."""

    def dialog(self) -> OpenDialog | None:
        """What it takes to end it after a restart."""

    def kept(self) -> Mapping[str, object] | None:
        """What it takes to go on with it in another process, in what JSON can hold; None if there is nothing
        to go on with."""


class IncomingLeg:
    """The leg of somebody who called us (FirstLeg).

    ``local_ip`` gives the address of ours to which a peer is to send audio; with ``audio_from_anywhere``
    that may come from any address (``--rtp-latching``).
    """

    def __init__(
        self, call: IncomingCall, local_ip: Callable[[str], str], *, audio_from_anywhere: bool
    ) -> None:
        self._call = call
        self._local_ip = local_ip
        self._audio_from_anywhere = audio_from_anywhere
        self.probe = call.probe

    def attach(
        self, listener: FirstLegListener, media: CallMedia, on_heard: Callable[[], None]
    ) -> None:
        """Until now somebody else listened, who looked its number up."""
        self._media = media
        self._call.listener = listener
        self._call.on_heard = on_heard
        self._call.once_kept = listener.once_kept

    def alert(self) -> None:
        """180."""
        if self._call.offers_while_ringing:
            self._media.reserve()
            self._call.ring(self._local_ip(self._audio_from()), self._media.port)
        else:
            self._call.ring()

    @property
    def logged(self) -> Mapping[str, object]:
        """By what its trunk knows it, and where it came from."""
        trunk = self._call.origin.trunk
        return {
            "sip_call_id": self._call.sip_call_id,
            "peer": self._call.source[0],
            **({"trunk": trunk.name} if trunk else {}),
        }

    @property
    def offer(self) -> RemoteMedia | None:
        """The audio that is offered."""
        return self._call.offer

    @property
    def agreed(self) -> RemoteMedia | None:
        """What was agreed of the audio."""
        return self._call.agreed

    def answer(self, port: int) -> None:
        """200."""
        self._call.answer(ip=self._local_ip(self._audio_from()), port=port)

    def _audio_from(self) -> str:
        """Whom to name an address of ours: who signals, or its audio where that is of the other family."""
        signals, offer = self._call.source[0], self._call.offer
        return signals if offer is None or is_ipv6(offer.ip) == is_ipv6(signals) else offer.ip

    def reject(self, code: int, headers: HeaderLines = ()) -> bool:
        """A final response, if there was none yet."""
        if self._call.state is not CallState.OFFERED:
            return False
        self._call.reject(code, headers=headers)
        return True

    def hangup(self, reason: Reason | None = NORMAL, headers: HeaderLines = ()) -> None:
        """BYE."""
        if reason is None:
            self._call.abandon()
            return
        self._call.parting_headers = headers
        self._call.hangup(reason)

    def release(self) -> None:
        """The phone goes on by itself, if anything is left to be said."""
        self._call.release()

    def latching(self) -> Latching:
        """The addresses that its signalling names."""
        return Latching(self._call.signalling_ips, self._audio_from_anywhere)

    @property
    def owes_refusal(self) -> bool:
        """The 487 to its INVITE has not left."""
        return self._call.owes_refusal

    def dialog(self) -> OpenDialog:
        """What it takes to end it after a restart."""
        return OpenDialog(self._call.record())

    def kept(self) -> Mapping[str, object]:
        """What it takes to go on with it in another process."""
        return {"phone": self._call.kept(), "anywhere": self._audio_from_anywhere}
