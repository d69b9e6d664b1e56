"""Who listens to a phone or to a stream until somebody who matters does."""

from onhook.media.stream import StreamStats
from onhook.phone.cause import SipCause
from onhook.phone.sdp import RemoteMedia


class Nobody:
    """Hears of a call to us, or of a stream, and does nothing about it (CallListener, StreamListener)."""

    def cancelled(self, cause: SipCause) -> None:
        """Nothing."""

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """Nothing."""

    def no_ack(self) -> None:
        """Nothing."""

    def hung_up(self, cause: SipCause) -> None:
        """Nothing."""

    def hangup_done(self, cause: SipCause) -> None:
        """Nothing."""

    def media_moved(self, media: RemoteMedia) -> None:
        """Nothing."""

    def session_lost(self, cause: SipCause) -> None:
        """Nothing."""

    def dialog_changed(self) -> None:
        """Nothing."""

    def digit(self, digit: str) -> None:
        """Nothing."""

    def rtp_started(self) -> None:
        """Nothing."""

    def rtp_timeout(self) -> None:
        """Nothing."""

    def closed(self, stats: StreamStats) -> None:
        """Nothing."""
