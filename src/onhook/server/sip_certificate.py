"""The certificate of our TLS listeners: read at the start, and again on SIGHUP."""

from typing import TYPE_CHECKING

import structlog

from onhook.phone.tls.contexts import ServerCertificate, TlsFilesUnusable
from onhook.server.start_error import StartError

if TYPE_CHECKING:
    from onhook.server.settings import Settings

log = structlog.get_logger()


def sip_certificate(settings: "Settings") -> ServerCertificate | None:
    """The certificate, if there are TLS listeners or it is given. Raises `StartError`."""
    listener = next((each for each in settings.sip if each.transport == "tls"), None)
    if settings.sip_cert is None:
        if listener is not None:
            raise StartError(f"--sip has {listener}, which needs a certificate; give --sip-cert.")
        if settings.sip_key is not None:
            raise StartError("--sip-key is the key of a certificate; give --sip-cert as well.")
        return None
    try:
        return ServerCertificate(settings.sip_cert, settings.sip_key)
    except TlsFilesUnusable as error:
        raise StartError(f"The certificate of --sip-cert cannot be used: {error}.") from error


def reload_certificate(certificate: ServerCertificate) -> None:
    """Read the files again; what was read before stays in use if they are of no use now."""
    try:
        certificate.reload()
    except TlsFilesUnusable as error:
        log.error("sip_certificate_unusable", why=str(error), hint="The one before stays in use.")
    else:
        log.info("sip_certificate_read")
