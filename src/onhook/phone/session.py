"""Offer and answer of one call (RFC 3264): which codec was agreed, and what we said last. Pure."""

import functools
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from onhook import identifiers
from onhook.phone import sdp, sdp_writer
from onhook.phone.errors import NoCommonCodec, UnsupportedAddress
from onhook.phone.kept.reading import Fields
from onhook.phone.kept.session import KeptSession, SessionState, read_session
from onhook.phone.media_hosts import Addresses
from onhook.phone.sdp import (
    NOBODY,
    USUAL_PTIME_MS,
    Offer,
    RemoteMedia,
    SdpCodec,
    is_ipv6,
)
from onhook.phone.sdp_writer import IN_THE_CLEAR, NO_EXTRAS, Encryption, Extras, LocalMedia
from onhook.phone.srtp.negotiation import Negotiation

Writer = Callable[[LocalMedia], bytes]
"""Writes a description of our side."""


class MediaSession:
    """Our side of the negotiation.

    The remote media that it hands out has the agreed codec first in `codecs`. Our description changes only
    when the address or the agreement does, and its version counts those changes. `codecs` are those that we
    talk in this call, the preferred one first; none is all of them, as the peer prefers. `ptime_ms` is how
    much audio a packet of ours has, 0 for what the peer asks for. `security` has the keys, and says whether
    there have to be some.
    """

    def __init__(self) -> None:
        self.codecs: tuple[SdpCodec, ...] = ()
        self.ptime_ms = 0
        self.security = Negotiation()
        self._local: LocalMedia | None = None
        self._media: RemoteMedia | None = None
        self._offered: Offer | None = None
        self._dtmf: int | None = sdp_writer.DTMF_PAYLOAD_TYPE
        self._last = b""
        self._id = identifiers.randbelow(2**31)
        self._kept = KeptSession()

    @property
    def said(self) -> bytes:
        """Our description as it was sent last."""
        return self._last

    @property
    def at(self) -> tuple[str, int]:
        """The address and the port where we listen, as far as that was said."""
        return (self._local.ip, self._local.port) if self._local else ("", 0)

    @property
    def agreed(self) -> RemoteMedia | None:
        """What the two sides agree to at present; None before they do."""
        return self._media

    def packet_ms(self, media: RemoteMedia) -> int:
        """How much audio a packet has that is sent to this peer."""
        return self.ptime_ms or media.wanted_ms

    def open(self, ip: str, port: int) -> None:
        """Name the numeric address and the port where we listen; ValueError if it is none."""
        check_address(ip, port)
        self._local = LocalMedia(
            ip,
            port,
            session_id=self._id,
            ptime_ms=self.ptime_ms or USUAL_PTIME_MS,
        )

    def kept(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What another process needs to go on with it, and of that the texts that are secrets; the same
        objects, while there is nothing new in them."""
        return self._kept.of(
            SessionState(
                self._id,
                self.codecs,
                self.ptime_ms,
                self.security.wanted,
                self.security.heard_early,
                self.security.agreed,
                self.security.offered,
                self._local,
                self._media,
                self._offered,
                self._dtmf,
                self._last,
            )
        )

    def resume(self, fields: Fields, keys: Mapping[str, str]) -> None:
        """Go on where another process was. Raises `KeptUnreadable`."""
        was = read_session(fields, keys)
        self._id, self.codecs, self.ptime_ms = was.session_id, was.codecs, was.ptime_ms
        self.security = Negotiation(was.wanted)
        self.security.resume(was.agreed, was.cryptos, heard_early=was.heard_early)
        self._local, self._media, self._offered = was.local, was.media, was.offered
        self._dtmf, self._last = was.dtmf, was.said

    def answer(self, offer: Offer) -> tuple[bytes, RemoteMedia]:
        """Answer the peer's offer; keeps the codec in use if it is still offered."""
        ours = None if offer.closed else self.security.answer(offer.media.cryptos)
        media = self._agree(offer.media)
        self._offered = offer
        if not offer.closed:
            self._dtmf = media.dtmf_payload_type
        keys = Encryption((ours,)) if ours else IN_THE_CLEAR
        return self._written(
            lambda local: sdp_writer.write_answer(offer, media.codecs[0], local, encryption=keys)
        ), media

    def offer(self) -> bytes:
        """Our own offer: everything at first, what is in use later on (RFC 3264 8)."""
        media = self._media
        keys = Encryption(self.security.offer(first=media is None), self.security.secure_transport)
        if media is None:
            ours = {codec: int(codec) for codec in self.codecs or SdpCodec}
            return self._written(lambda local: sdp_writer.write_offer(local, ours, encryption=keys))
        types, dtmf, before = {media.codecs[0]: media.payload_type}, self._dtmf, self._offered
        extras = Extras.of(media)
        return self._written(
            lambda local: sdp_writer.write_offer(local, types, dtmf, before, extras, keys)
        )

    def read(self, body: bytes, addresses: Addresses | None = None) -> Offer:
        """Read what the peer says once we have named our address; raises `SdpError`."""
        read = sdp.parse_first if self._media is None else sdp.parse
        said = read(body, addresses, self.security.policy)
        return chosen(self._of_our_family(said), self.codecs)

    def _of_our_family(self, said: Offer) -> Offer:
        """Our audio stays with the family that it began with: the other has sockets of its own."""
        ip = said.media.ip
        if self._local is None or ip == NOBODY or is_ipv6(ip) == is_ipv6(self._local.ip):
            return said
        raise UnsupportedAddress(f"media address is not IPv{6 if is_ipv6(self._local.ip) else 4}")

    def take_answer(self, body: bytes, addresses: Addresses | None = None) -> RemoteMedia:
        """Read the peer's answer to our offer; raises `SdpError`."""
        offer, before = self.read(body, addresses), self._media
        if not offer.closed:
            self.security.take_answer(offer.media.cryptos)
        media = self._answered(self._agree(without_extras(offer.media, before)))
        if media.dtmf_payload_type is None and not offer.closed:
            self._dtmf = None
        return media

    def preview(self, body: bytes, addresses: Addresses | None = None) -> RemoteMedia:
        """Read what may become the answer, without agreeing to it; raises `SdpError`."""
        read = sdp.parse_first(body, addresses, self.security.policy)
        media = without_extras(chosen(self._of_our_family(read), self.codecs).media, None)
        keys = self.security.preview(media.cryptos)
        return self._answered(
            replace(media, cryptos=(), srtp=keys, packet_ms=self.packet_ms(media))
        )

    def _answered(self, media: RemoteMedia) -> RemoteMedia:
        """What an answer says, and which number its author's digits have: the one that we offered.

        We go on offering it: a number keeps its meaning for the whole session (RFC 3264 8.3.2).
        """
        if media.dtmf_payload_type in (None, self._dtmf):
            return media
        return replace(media, dtmf_from_peer=self._dtmf)

    def _agree(self, media: RemoteMedia) -> RemoteMedia:
        """The media with the codec that is agreed to first; without audio all else stays as it was."""
        before = self._media
        if before is not None and media.port == 0:
            return replace(before, ip=media.ip, direction=media.direction)
        codec = media.codecs[0]
        if before is not None and before.codecs[0] in media.codecs:
            codec = before.codecs[0]
        keys = self.security.agreed
        packet_ms = self.packet_ms(media)
        as_it_is = media.codecs[0] is codec and not media.cryptos and media.packet_ms == packet_ms
        if as_it_is and media.srtp is keys:
            self._media = media
        else:
            others = tuple(other for other in media.codecs if other is not codec)
            self._media = replace(
                media, codecs=(codec, *others), cryptos=(), srtp=keys, packet_ms=packet_ms
            )
        return self._media

    def _written(self, write: Writer) -> bytes:
        if self._local is None:
            raise ValueError("no local address yet")
        body = write(self._local)
        if self._last and body != self._last:
            self._local = replace(self._local, version=self._local.version + 1)
            body = write(self._local)
        self._last = body
        return body


def chosen(said: Offer, codecs: Sequence[SdpCodec]) -> Offer:
    """A description with those of its codecs that we talk in this call, in our order; raises `NoCommonCodec`
    without any. No `codecs` leave it as it is."""
    if not codecs or said.closed:
        return said
    common = tuple(codec for codec in codecs if codec in said.media.codecs)
    if not common:
        raise NoCommonCodec(f"no {' or '.join(codec.name for codec in codecs)} offered")
    return replace(said, media=replace(said.media, codecs=common))


def without_extras(answered: RemoteMedia, before: RemoteMedia | None) -> RemoteMedia:
    """An answer without what we did not offer: that is only what is in use (see `Extras`)."""
    offered = NO_EXTRAS if before is None else Extras.of(before)
    return replace(
        answered,
        rtcp_mux=answered.rtcp_mux and offered.rtcp_mux,
        comfort_noise=answered.comfort_noise and offered.comfort_noise,
    )


def check_address(ip: str, port: int) -> None:
    """Raise ValueError unless our audio can be there."""
    _check_numeric(ip)
    if not 0 < port < 65536:
        raise ValueError("bad port")


@functools.lru_cache(maxsize=64)
def _check_numeric(ip: str) -> None:
    ipaddress.ip_address(ip)
    if "%" in ip:
        raise ValueError("an address with a zone means nothing to a peer")
