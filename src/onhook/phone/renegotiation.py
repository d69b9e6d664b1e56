"""What a peer offers anew within a call, by re-INVITE or UPDATE, until it can be answered. Pure.

RFC 3261 14.2, RFC 3311 5.2. The host of its audio may have to be looked up first; meanwhile another offer is
told to come again.
"""

from typing import Protocol

from onhook.phone import screening
from onhook.phone.bodies import description_of
from onhook.phone.dialog import SipDialog
from onhook.phone.dialog_client import Signalling
from onhook.phone.errors import SdpError
from onhook.phone.lifecycle import CallState
from onhook.phone.media_hosts import read_located
from onhook.phone.message import Request, TransactionKey
from onhook.phone.sdp import Offer
from onhook.phone.session import MediaSession


class Renegotiated(Protocol):
    """The call that it is about."""

    state: CallState
    dialog: SipDialog

    def agreed_to(self, request: Request, offer: Offer | None) -> None:
        """Answer the request, and what it offers; None: it only refreshes the session, or asks for ours."""


class Renegotiation:
    """One at a time."""

    def __init__(self, signalling: Signalling, session: MediaSession) -> None:
        self._signalling = signalling
        self._session = session
        self._waits: TransactionKey | None = None

    @property
    def is_open(self) -> bool:
        """Whether an offer waits for its host to be looked up."""
        return self._waits is not None

    def precedes(self, request: Request) -> bool:
        """Whether an offer waits: this one, which came again, or another, which comes first."""
        if self._waits is not None and self._waits != request.transaction_key:
            self._signalling.refuse(request, 500, screening.retry_soon())
        return self._waits is not None

    def take(self, call: Renegotiated, request: Request) -> None:
        """Read what is offered within a call; then it is answered or refused."""
        refusal = screening.screen_extensions(request)
        if refusal:
            self._signalling.refuse(request, refusal.status, refusal.headers)
            return
        body = description_of(request)
        self._waits = request.transaction_key
        read_located(
            lambda known: self._session.read(body, known) if body else None,
            lambda host, on_address: self._signalling.media_hosts.look_up(
                host, call.dialog.source, on_address
            ),
            lambda offer: self._read(call, request, offer),
            lambda error: self._refuse(request, error),
        )

    def _refuse(self, request: Request, error: SdpError) -> None:
        self._waits = None
        refusal = screening.refuse_description(error, self._signalling.sent_by(request.source))
        self._signalling.refuse(request, refusal.status, refusal.headers)

    def _read(self, call: Renegotiated, request: Request, offer: Offer | None) -> None:
        self._waits = None
        if call.state is CallState.ENDED:  # while the host of the audio was looked up
            self._signalling.refuse(request, 481)
            return
        try:
            call.dialog.refresh(request)
        except ValueError:
            self._signalling.refuse(request, 400)
        else:
            call.agreed_to(request, offer)
