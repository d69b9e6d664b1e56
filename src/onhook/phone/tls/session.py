"""The encryption of one connection: bytes of the network in, plain ones out, and the reverse. No I/O.

OpenSSL works on memory here, and not in the event loop's own TLS, so that how many handshakes are under way
and how long each may take is decided where connections are: before a stranger has cost anything.
"""

import ssl

from onhook.phone.tls.names import Certificate, names_of, speaks_for

_READ_BYTES = 64 * 1024


class TlsRefused(Exception):
    """There is no TLS with this peer; the message says why, in words for an operator."""


class TlsSession:
    """One side of TLS; `name` is what the server's certificate has to say, asked of servers only.

    `opened` is true once both sides agreed and the name was found; nothing is read or written before.
    """

    def __init__(self, context: ssl.SSLContext, *, name: str = "", server_side: bool) -> None:
        self._name = name
        self._server_side = server_side
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._in, self._out, server_side=server_side, server_hostname=name or None
        )
        self.opened = False
        self.closed = False
        """Whether the peer has said that nothing follows."""

    def begin(self) -> None:
        """Starts the handshake. Raises `TlsRefused`."""
        self._handshake()

    def receive(self, data: bytes) -> bytes:
        """What the peer says in the clear; empty while the handshake goes on. Raises `TlsRefused`."""
        self._in.write(data)
        if not self.opened:
            self._handshake()
        return self._read() if self.opened else b""

    def write(self, data: bytes) -> None:
        """Encrypts what is to be said."""
        self._object.write(data)

    def take(self) -> bytes:
        """What is to be sent over the network by now."""
        return self._out.read()

    def _handshake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            raise TlsRefused(_sentence(error)) from error
        if not self._server_side:
            self._check_name(self._object.getpeercert() or {})
        self.opened = True

    def _check_name(self, certificate: Certificate) -> None:
        if not speaks_for(certificate, self._name):
            said = ", ".join(names_of(certificate)[:5]) or "nobody"
            raise TlsRefused(f"its certificate is for {said}, and not for {self._name}")

    def _read(self) -> bytes:
        parts: list[bytes] = []
        try:
            while part := self._object.read(_READ_BYTES):
                parts.append(part)
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        except ssl.SSLError as error:
            raise TlsRefused(_sentence(error)) from error
        return b"".join(parts)


_REASONS = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "HTTP_REQUEST": "it does not speak TLS",
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS newer than 1.1",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it wants another version of TLS",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate of ours",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it accepts none of our ciphers, or wants a certificate of ours",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust whoever issued our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept our certificate",
}


def _sentence(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted: {error.verify_message.rstrip('.')}"
    reason = error.reason or "unknown reason"
    return _REASONS.get(reason, f"the TLS handshake failed: {reason.lower().replace('_', ' ')}")
