"""Everything that can go wrong with a customer's server or its URL, as one tree.

    NotifyError
      AddressRefused              an address that may not be called
      NotResolved                 a name that has no address, or none that was found in time
      Unreachable                 a notify_url that cannot be used now; each leaf knows its API status
        UnableToResolve           its host has no address, or none that may be called
        UnableToCompleteHandshake no connection, no TLS handshake, or a certificate that is not accepted
      NoReply                     a request to which there is no reply, or none that is whole
        NotConnected              no connection: nothing was sent
        ConnectionClosed          it ended before the reply was complete
        BrokenReply               what came is no HTTP, or beyond its bounds
        ClientClosed              this client takes no more requests
      RequestUnusable             a request that cannot be written as HTTP: nothing was sent
      DownloadError               a file that was not downloaded
        DownloadRefused           its address, or one that it redirects to, may not be called
        DownloadTooLarge          it is larger than allowed
        DownloadFailed            no reply in time, another status than 200, or a body that is not decoded
      SecretUnusable              a webhook secret that cannot sign
      CaFileUnusable              the operator's file of certificate authorities cannot be read

A URL that cannot be read at all is refused before (`onhook.urls.UrlRefused`). What becomes of an attempt to
deliver a notification is no error but a value: `PostResult`.
"""

from typing import ClassVar


class NotifyError(Exception):
    """Root of the tree; `detail` is a sentence for a person, without URLs, addresses and secrets."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class AddressRefused(NotifyError):
    """The address may not be called; `detail` says which rule refuses it, never the address."""


class NotResolved(NotifyError):
    """The name has no address, or none was found in time."""


class Unreachable(NotifyError):
    """A notify_url cannot be used now."""

    status: ClassVar[str]
    """The API status that refuses the request."""


class UnableToResolve(Unreachable):
    """The host has no address, or none that may be called: `detail` says which rule."""

    status = "error_unable_to_resolve_notify_url"


class UnableToCompleteHandshake(Unreachable):
    """No connection, no handshake, or a certificate that is not accepted."""

    status = "error_unable_to_complete_ssl_handshake_notify_url"


class NoReply(NotifyError):
    """There is no reply, or none that is whole."""


class NotConnected(NoReply):
    """There is no connection: nothing was sent."""

    def __init__(self, detail: str, *, elsewhere: bool = True) -> None:
        super().__init__(detail)
        self.elsewhere = elsewhere
        """Whether another address of the host may do better. A certificate that is not accepted is the
        customer's to repair."""


class ConnectionClosed(NoReply):
    """The connection ended before the reply was complete."""


class BrokenReply(NoReply):
    """What came is no HTTP, or it is beyond its bounds."""


class ClientClosed(NoReply):
    """The client was closed."""


class RequestUnusable(NotifyError):
    """A part of the request cannot stand where it would have to; nothing of it is repeated."""


class DownloadError(NotifyError):
    """A download did not succeed."""


class DownloadRefused(DownloadError):
    """The URL's address may not be called."""


class DownloadTooLarge(DownloadError):
    """The file is larger than allowed."""


class DownloadFailed(DownloadError):
    """No connection, no reply in time, another status than 200, or a body that is not decoded here."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class SecretUnusable(NotifyError):
    """A webhook secret is not `whsec_` followed by base64. The secret is not in the message."""


class CaFileUnusable(NotifyError):
    """The operator's file of extra certificate authorities cannot be read; `detail` names it."""
