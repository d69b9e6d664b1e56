"""What the peer of a call says, as events of the call."""

from collections.abc import Callable, Mapping

import structlog

from onhook import call as machine
from onhook.call import Fields
from onhook.calls import bills, clock
from onhook.calls.call_book import CallBook
from onhook.calls.credit import Meter
from onhook.calls.one_way_audio import Cause, Seen, log_one_way
from onhook.calls.ongoing import OngoingCall
from onhook.calls.resources import Resources

log = structlog.get_logger()


class PeerListener:
    """Listens to the second leg of a call, for which it has ``resources`` (peer.PeerOwner)."""

    __slots__ = ("_book", "_call", "_meter", "_resources")

    def __init__(
        self, call: OngoingCall, resources: Resources, book: CallBook, meter: Meter
    ) -> None:
        self._call = call
        self._resources = resources
        self._book = book
        self._meter = meter

    def rang(self, audible: bool) -> None:
        """It rings."""
        self._call.feed(machine.PeerRang(clock.now_s(), audible))

    def answered(self) -> None:
        """It answered: from now on both legs are charged."""
        rate = self._resources.rate
        if rate is not None:
            self._book.record = bills.priced(self._book.record, rate)
            self._meter.reprice(rate)
            self._resources.on_release = None
        self._call.feed(machine.PeerAnswered(clock.now_s()))

    def failed(self, outcome: str, sip_code: int | None, sip_reason: str) -> None:
        """It was busy, or did not answer, or could not be called."""
        session = self._book.record.session
        log.info("peer_failed", session=session, outcome=outcome, sip_code=sip_code)
        self._book.note_sip_code(sip_code)
        self._call.dialog_changed()
        self._call.feed(machine.PeerFailed(clock.now_s(), outcome, sip_code, sip_reason))

    def left(self, sip_cause: str, sip_reason: str) -> None:
        """It hung up."""
        self._call.dialog_changed()
        self._call.feed(machine.PeerLeft(clock.now_s(), sip_cause, sip_reason))

    def one_way(self, cause: Cause, seen: Seen) -> None:
        """One side hears nothing."""
        log_one_way(cause, seen, leg="peer", session=self._book.record.session)

    def heard(self, media: Fields, carried: Mapping[str, int]) -> None:
        """What its audio was like."""
        self._book.note_media(media, carried, of_peer=True)

    def changed(self, then: Callable[[], None] | None = None) -> None:
        """What it takes to end it is another now; ``then`` is called when that is on disk."""
        self._call.save_dialog(then)

    def once_kept(self, then: Callable[[], None]) -> None:
        """Something is to leave that no other process could know of before."""
        self._call.note_audio(then)
