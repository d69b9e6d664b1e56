"""What the HTTP library raises for what another machine did, and how that is told."""

import ssl

import aiohttp
from aiohttp.http import HttpProcessingError

from onhook.notify.errors import AddressRefused, NotResolved
from onhook.notify.replies import describe_connect_error
from onhook.notify.tls import handshake_failure

TRANSPORT_ERRORS = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,  # TimeoutError and the errors of TLS and sockets are among these
    NotResolved,
    AddressRefused,
)
"""Everything that another machine can cause a request to end with."""


def describe(error: Exception, deadline_s: float) -> str:
    """Say in a sentence why there was no reply; never with the URL or an address."""
    if isinstance(error, NotResolved | AddressRefused):
        return error.detail
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return describe_connect_error(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return describe_connect_error(error.os_error)
    if isinstance(error, TimeoutError):
        return f"no reply within {deadline_s:g} s"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "the connection was closed before the reply was complete"
    if isinstance(error, ssl.SSLError):
        return handshake_failure(error)
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the reply ended before it was complete"
    if isinstance(error, aiohttp.ClientOSError | OSError):
        return "the connection failed"
    return "the reply was not valid HTTP"
