"""Certificates and keys as they are read from files, for connections from us and to us.

TLS 1.2 and newer. A file that cannot be used is said in one sentence that names it.
"""

import ssl
import stat
from pathlib import Path

import structlog

from onhook.phone.addresses import TlsFiles

log = structlog.get_logger()

_MAX_KEPT = 64


class TlsFilesUnusable(ValueError):
    """A certificate, a key or a file of roots cannot be used; the message says which, and why."""


class ClientContexts:
    """The contexts of connections that we make, by their files; read again when one of these changes."""

    def __init__(self) -> None:
        self._kept: dict[TlsFiles, tuple[tuple[float, ...], ssl.SSLContext]] = {}

    def context(self, files: TlsFiles) -> ssl.SSLContext:
        """What a connection with these files is made with. Raises `TlsFilesUnusable`."""
        changed = tuple(_changed(path) for path in files)
        kept = self._kept.get(files)
        if kept is None or kept[0] != changed:
            kept = (changed, _client_context(files))
            if len(self._kept) >= _MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[files] = kept
        return kept[1]


class ServerCertificate:
    """The certificate of our listeners, and its key. Raises `TlsFilesUnusable` when made."""

    def __init__(self, certificate: str | Path, key: str | Path | None = None) -> None:
        self._certificate = str(certificate)
        self._key = str(key or certificate)
        self.context = self._read()

    def reload(self) -> None:
        """Read the files again, for connections from now on; those that there are go on.

        Raises `TlsFilesUnusable`, and what was read before stays in use.
        """
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        _load(context, self._certificate, self._key)
        return context


def _client_context(files: TlsFiles) -> ssl.SSLContext:
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = False  # `names` does it: OpenSSL knows no SIP domains
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        if files.ca_file:
            context.load_verify_locations(files.ca_file)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        why = _why(error, "it holds no certificates in PEM")
        raise TlsFilesUnusable(f"the roots in {files.ca_file} cannot be used: {why}") from error
    if files.certificate:
        _load(context, files.certificate, files.key or files.certificate)
    return context


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    for path in (certificate, key):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise TlsFilesUnusable(f"{path} cannot be read: {error.strerror}") from error
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        why = _why(error, "one of them is no PEM, or the key is encrypted")
        raise TlsFilesUnusable(
            f"the certificate {certificate} and the key {key} cannot be used: {why}"
        ) from error
    if stat.S_IMODE(Path(key).stat().st_mode) & 0o077:
        log.warning("sip_key_readable_by_others", file=key, hint=f"chmod 600 {key}")


def _why(error: OSError, otherwise: str) -> str:
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is that of another certificate"
    return otherwise


def _changed(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except OSError:
        return 0.0
