"""What a request to a customer's server came to, as values."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from onhook.notify.tls import handshake_failure
from onhook.urls import WebUrl


@dataclass(frozen=True, slots=True)
class PostResult:
    """What a POST came to: either a `status`, or an `error`."""

    status: int | None
    """The HTTP status, whatever came after it; None if there was no whole reply head."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """`content-type`, `date`, `location`, `retry-after`, `server`: those that came, lower-cased. Empty if it
    was delivered: nobody asks then."""
    retry_after_s: float | None = None
    """What Retry-After asks for, in seconds from the reply."""
    error: str | None = None
    """Why there is no status: a sentence for a person, without the URL."""
    barred: bool = False
    """Nothing was sent, since the address is one that may not be called."""


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A file that came whole, or the news that it has not changed."""

    status: int
    """200, or 304 if the request was conditional."""
    headers: Mapping[str, str]
    """`content-length`, `content-type`, `date`, `etag`, `last-modified`: those that came, lower-cased."""
    body: bytes = field(repr=False)
    """Empty for a 304."""
    url: WebUrl = field(repr=False)
    """Who sent it, in the end: the address that was asked for, or where that one led to."""

    @property
    def not_modified(self) -> bool:
        """Tell whether the copy that the request named is still good."""
        return self.status == 304


def describe_connect_error(error: Exception) -> str:
    """Say in a sentence why there is no connection. Takes what the event loop raises."""
    if isinstance(error, ssl.SSLError):
        return handshake_failure(error)
    if isinstance(error, ssl.CertificateError):
        return "the certificate was not accepted"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionError):
        return "the connection was closed during the TLS handshake"
    if isinstance(error, TimeoutError):
        return "the connection was not established in time"
    return "the host was not reachable"
