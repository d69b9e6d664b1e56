"""How the certificates of customers' servers are checked."""

import ssl
from pathlib import Path

from onhook.notify.errors import CaFileUnusable


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a context that verifies chain and name against the system's roots.

    `ca_file` (PEM) adds the operator's own authorities to them. Reads from the disk: build it once, at
    start. Raises `CaFileUnusable`.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise CaFileUnusable(f"{ca_file}: {error}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def handshake_failure(error: ssl.SSLError) -> str:
    """Say in a sentence why a handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted: {error.verify_message.rstrip('.')}"
    return f"the TLS handshake failed: {error.reason or 'unknown reason'}"
