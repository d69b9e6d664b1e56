"""The part of a call that keeps its session fresh: it sends our refreshes, and ends what nobody refreshes.

A refresh changes nothing (RFC 4028 7.4): an UPDATE has no description, and a re-INVITE the one that was sent
last, with the same version (RFC 3264 8).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from onhook.phone.bodies import description_of
from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.dialog_client import DialogClient, Signalling
from onhook.phone.errors import UnsupportedBody
from onhook.phone.lifecycle import CallEvent, CallState
from onhook.phone.media_hosts import read_located
from onhook.phone.message import Response
from onhook.phone.reason import TIMER_EXPIRED, Reason
from onhook.phone.reinvite import Reinvite
from onhook.phone.reply import ALLOW, HeaderLines
from onhook.phone.sdp import RemoteMedia
from onhook.phone.session import MediaSession
from onhook.phone.session_timer.keeper import OnFinal, SessionKeeper

_LOST = "the session was not refreshed"
_EXPIRED = "Session timer expired"
_UNKNOWN = "Session refresh was refused"


class RefreshingClient(DialogClient):
    """A call with a session timer (a Refresher). `we_called` says whose Call-ID it is."""

    we_called: bool

    def __init__(self, signalling: Signalling) -> None:
        super().__init__(signalling)
        self._session = MediaSession()
        self._keeper = SessionKeeper(self, signalling.later, we_called=self.we_called)
        self._reinvite: Reinvite | None = None

    # What the keeper of the session asks for (Refresher).

    def refresh(self, headers: HeaderLines, on_final: OnFinal, *, by_update: bool) -> bool:
        """Refresh the session; False while the call is not established, or something is being agreed."""
        if self.state is not CallState.ESTABLISHED or (not by_update and self._negotiates()):
            return False
        contact = self._signalling.contact_for(self.dialog.record().destination)
        lines = (("Contact", contact), ("Allow", ALLOW), *headers)
        if by_update:
            self._ask("UPDATE", lambda final: self._retargeted(final, on_final), lines)
        else:
            self._send_reinvite(lines, on_final)
        if self.listener:
            self.listener.dialog_changed()
        return True

    def session_lost(self, status: int) -> None:
        """Nobody refreshed the session, or the peer does not know it any more (RFC 4028 10)."""
        if self._happens(CallEvent.LOST):
            said = Reason(status, _EXPIRED if status == 408 else _UNKNOWN, "SIP")
            self._bye_headers = (said.header, TIMER_EXPIRED.header)
            self._bye()
            if self.listener:
                self.listener.session_lost(SipCause(status, None, _LOST))

    def abandon(self) -> None:
        """Forget the call without a word to anybody, because the endpoint closes."""
        self._keeper.stop()
        super().abandon()

    # How it is done.

    def _negotiates(self) -> bool:
        """Whether an offer of ours or theirs is open, so that no other may be made (RFC 3261 14.1)."""
        return self._reinvite is not None

    def _send_reinvite(
        self, headers: HeaderLines, on_final: OnFinal, tried: tuple[int, ...] = ()
    ) -> None:
        record = self.dialog.record()
        self.dialog.take_cseq()
        self._reinvite = Reinvite(
            self._signalling.requests,
            record,
            self._credentials("INVITE", record.request_uri),
            self._taken_over,
            partial(self._reinvite_done, headers, on_final, tried),
        )
        self._reinvite.send(headers, self._session.said)

    def _reinvite_done(
        self,
        headers: HeaderLines,
        on_final: OnFinal,
        tried: tuple[int, ...],
        final: Response | None,
    ) -> None:
        self._reinvite = None
        if final is not None and final.status not in (408, 481):
            self.on_heard()
        if final is not None and self._take_challenge(final, tried):
            self._send_reinvite(headers, on_final, (*tried, final.status))
            if self.listener:
                self.listener.dialog_changed()
            return
        on_final(final)
        if final is not None and final.status < 300:
            self._take_answer(final)

    def _taken_over(self, response: Response) -> DialogRecord:
        self.dialog.retarget(response)
        return self.dialog.record()

    def _retargeted(
        self, final: Response | None, on_final: Callable[[Response | None], None]
    ) -> None:
        if final is not None and final.status < 300:
            self.dialog.retarget(final)
        on_final(final)

    def _take_answer(self, response: Response) -> None:
        """What the peer answers to our unchanged description; it may have changed its own."""
        try:
            body = description_of(response)
        except UnsupportedBody:
            return
        before = self._session.agreed

        def read(media: RemoteMedia) -> None:
            changed = before is None or media != replace(before, codecs=media.codecs)
            if changed and self.state is CallState.ESTABLISHED and self.listener:
                self.listener.media_moved(media)

        if body:
            read_located(
                lambda known: self._session.take_answer(body, known),
                lambda host, on_address: self._signalling.media_hosts.look_up(
                    host, self.dialog.source, on_address
                ),
                read,
                lambda _: None,
            )

    def _bye(self) -> None:
        self._stop_refreshing()
        super()._bye()

    def _end(self) -> None:
        self._stop_refreshing()
        super()._end()

    def _stop_refreshing(self) -> None:
        self._keeper.stop()
        if self._reinvite is not None:
            self._reinvite.stop()
