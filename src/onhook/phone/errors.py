"""Everything that can be wrong with signalling, as one tree.

    SipError
      MessageError            a datagram that is not a usable SIP message
        Unanswerable          too broken to reply to: dropped in silence
        BadRequest            broken, but there is enough of it to reply 400 (501, 505)
      SdpError                a session description that cannot be read (400)
        NoCommonCodec         readable, but nothing in it that we can talk (488)
        NotEncrypted          readable, but without the encryption that this call has or wants (488)
        UnsupportedAddress    readable, but its media address is none that we can send to (488)
          NamedAddress        its media address is a host name, which has to be looked up
      UnsupportedBody         a body that has to be understood, and is not (415)
      CallStateError          an operation that does not fit the state the call is in

What a stranger sends ends in the first two branches and never leaves this package; only
`CallStateError` and `ValueError` reach the callers of the package, for their own mistakes.
"""

from collections.abc import Mapping, Sequence


class SipError(Exception):
    """Root of the tree; `status` is the SIP status that the peer is answered with."""

    status = 400


class SipMessageError(SipError):
    """A datagram that is not a usable SIP message."""


class Unanswerable(SipMessageError):
    """A message too broken to be answered; it is dropped in silence."""


class BadRequest(SipMessageError):
    """A request that is answered with `status`; the text is the reason phrase (RFC 3261 21.4.1).

    `method` and `headers` are what could be read of it, which is what the reply echoes.
    """

    def __init__(
        self,
        reason: str,
        method: str = "",
        headers: Mapping[str, Sequence[str]] | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.method = method
        self.headers = headers or {}


class SdpError(SipError):
    """A session description that cannot be read; the text says why.

    `warning` is the code of the Warning that tells so (RFC 3261 20.43).
    """

    warning = 399

    def __init__(self, reason: str, warning: int | None = None) -> None:
        super().__init__(reason)
        self.warning = warning or self.warning


class NoCommonCodec(SdpError):
    """The offer holds no audio stream that we can take."""

    status = 488
    warning = 305


class NotEncrypted(SdpError):
    """The description is without keys that can be used, where there have to be some."""

    status = 488
    warning = 302


class UnsupportedAddress(SdpError):
    """The media address is of a family that we do not serve, nobody's, or a host name that leads nowhere."""

    status = 488
    warning = 301


class NamedAddress(UnsupportedAddress):
    """The media address is a host name; `host` is that."""

    def __init__(self, host: str) -> None:
        super().__init__("media address is a host name")
        self.host = host


class UnsupportedBody(SipError):
    """A body that has to be understood is of a kind that we do not know, or `encoded`."""

    status = 415

    def __init__(self, reason: str, *, encoded: bool = False) -> None:
        super().__init__(reason)
        self.encoded = encoded


class CallStateError(SipError):
    """The operation does not fit the state the call is in, for instance answering it twice."""

    status = 500
