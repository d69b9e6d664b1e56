"""What a caller offers in its INVITE, read before there is a call. Pure."""

from collections.abc import Callable

from onhook.phone import sdp
from onhook.phone.errors import NamedAddress, SdpError, UnsupportedAddress
from onhook.phone.media_hosts import Addresses, LookUp, read_located
from onhook.phone.sdp import Offer
from onhook.phone.srtp.negotiation import Policy


class FirstOffer:
    """`body` is the description of an INVITE, empty if it has none; `sends_audio_to` says which addresses in
    digits can be sent to."""

    def __init__(self, body: bytes, srtp: Policy, sends_audio_to: Callable[[str], bool]) -> None:
        self._unread = body
        self._srtp = srtp
        self._sends_audio_to = sends_audio_to

    def read(self) -> Offer | None:
        """The offer; None if there is none, or the host of its audio has to be looked up. `SdpError` for one
        that is of no use."""
        try:
            offer = self._reached(self._unread) if self._unread else None
        except NamedAddress:
            return None
        self._unread = b""
        return offer

    def locate(
        self,
        look_up: LookUp,
        on_read: Callable[[Offer], None],
        on_error: Callable[[SdpError], None],
    ) -> bool:
        """Look up the host of the audio; False if it need not be."""
        unread, self._unread = self._unread, b""
        if unread:
            read_located(lambda known: self._reached(unread, known), look_up, on_read, on_error)
        return bool(unread)

    def _reached(self, body: bytes, known: Addresses | None = None) -> Offer:
        """An offer of audio that can be sent to; raises `SdpError`."""
        offer = sdp.parse_first(body, known, self._srtp)
        # Who says IPv6 wants an answer that does, also where it maps an address of IPv4 (RFC 4291 2.5.5.2).
        if not self._sends_audio_to("::1" if offer.media.said_ipv6 else offer.media.ip):
            raise UnsupportedAddress("media address is of a family that is not served")
        return offer
