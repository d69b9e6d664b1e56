"""The part of a call that keeps its session fresh: it sends our refreshes, and ends what nobody refreshes.

A refresh changes nothing (RFC 4028 7.4): an UPDATE has no description, and a re-INVITE the one that was sent
last, with the same version (RFC 3264 8).
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from onhook.phone.bodies import description_of
from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.dialog_client import DialogClient, Signalling
from onhook.phone.errors import UnsupportedBody
from onhook.phone.kept import VERSION
from onhook.phone.kept.reading import Kept
from onhook.phone.lifecycle import CallEvent, CallState
from onhook.phone.media_hosts import read_located
from onhook.phone.message import Response
from onhook.phone.reason import TIMER_EXPIRED, Reason
from onhook.phone.reinvite import Reinvite
from onhook.phone.reply import ALLOW, HeaderLines
from onhook.phone.sdp import RemoteMedia
from onhook.phone.session import MediaSession
from onhook.phone.session_timer.keeper import OnFinal, SessionKeeper

STATES = {state: state.name.lower() for state in CallState}
"""As they are kept."""
_PARTING = frozenset((CallState.LEAVING, CallState.WITHDRAWN, CallState.CLOSING))
_LOST = "the session was not refreshed"
_EXPIRED = "Session timer expired"
_UNKNOWN = "Session refresh was refused"


class RefreshingClient(DialogClient):
    """A call with a session timer (a Refresher). `we_called` says whose Call-ID it is."""

    we_called: bool

    def __init__(self, signalling: Signalling) -> None:
        super().__init__(signalling)
        self._session = MediaSession()
        self._keeper = SessionKeeper(
            self, signalling.later, signalling.now, we_called=self.we_called
        )
        self._reinvite: Reinvite | None = None
        self._asked: tuple[HeaderLines, tuple[int, ...]] = ((), ())
        """What the re-INVITE that is under way says of the session, and the challenges that it answers."""
        self.trunk_name = ""
        """By which it is found again."""

    # What the owner does.

    @property
    def agreed(self) -> RemoteMedia | None:
        """The audio that both sides agree to at present, with its keys; None before they do."""
        return self._session.agreed

    def kept(self) -> Kept:
        """What another process needs to go on with this leg (`phone.kept`), for `SipEndpoint.adopt`.

        A JSON object that nobody changes. Its `keys` are secrets: they are written encrypted or not at all.
        The owner asks for it with each record of the call; it is another whenever the listener was told
        something, `dialog_changed` included. Of a leg that is over it is of no use.
        """
        session, secrets = self._session.kept()
        keys = {**secrets}
        kept: dict[str, object] = {
            "v": VERSION,
            "direction": "out" if self.we_called else "in",
            "state": STATES[self.state],
            "trunk": self.trunk_name,
            "dialog": self.dialog.kept(),
            "session": session,
            "timer": self._keeper.kept(),
            "keys": keys,
        }
        if self.state in _PARTING:
            bye = [[*line] for line in self._bye_headers]
            kept["parting"] = {"bye": bye, "more": [[*line] for line in self.parting_headers]}
        if self._reinvite is not None:
            lines, tried = self._asked
            says = {"headers": [[*line] for line in lines], "tried": [*tried]}
            kept["reinvite"] = {**self._reinvite.kept(keys), **says}
        self._keep(kept, keys)
        return kept

    @abstractmethod
    def _keep(self, kept: dict[str, object], keys: dict[str, str]) -> None:
        """Add what else is to be kept, and of that the texts that are secrets."""

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
        if self.listener and by_update:
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
        credentials = self._credentials("INVITE", record.request_uri)
        reinvite = self._reinvited_by(record, credentials, headers, on_final, tried)
        self.when_kept(partial(reinvite.send, headers, self._session.said))

    def _reinvited_by(
        self,
        record: DialogRecord,
        credentials: HeaderLines,
        headers: HeaderLines,
        on_final: OnFinal,
        tried: tuple[int, ...],
        token: str = "",
    ) -> Reinvite:
        """The re-INVITE that is under way from now on."""
        self._reinvite = Reinvite(
            self._signalling.requests,
            record,
            credentials,
            self._taken_over,
            partial(self._reinvite_done, headers, on_final, tried),
            token,
        )
        self._asked = headers, tried
        return self._reinvite

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
            return
        on_final(final)
        if final is not None and final.status < 300:
            self._take_answer(final)
            self._refreshed()

    def _refreshed(self) -> None:
        """The session is fresh, and its timers are set anew."""
        if self.listener and self.state is CallState.ESTABLISHED:
            self.listener.dialog_changed()

    def _taken_over(self, response: Response) -> DialogRecord:
        self.dialog.retarget(response)
        return self.dialog.record()

    def _retargeted(
        self, final: Response | None, on_final: Callable[[Response | None], None]
    ) -> None:
        if final is not None and final.status < 300:
            self.dialog.retarget(final)
        on_final(final)
        if final is not None and final.status < 300:
            self._refreshed()

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
