"""Certificates: they can be read, are in force, and do not expire soon."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from onhook.cli.doctor.finding import Finding, Installation

SOON = timedelta(days=21)


def certificates(here: Installation) -> Iterator[Finding]:
    """Those of our own listeners, of clients of trunks, and roots that were given."""
    found = False
    for name, path in _files(here):
        found = True
        yield _looked_at(name, path, datetime.now(UTC))
    if not found:
        yield Finding("certificates", True, "none is used")


def _files(here: Installation) -> Iterator[tuple[str, Path]]:
    own = {
        "ca file": here.settings.ca_file,
        "sip certificate": here.settings.sip_cert,
    }
    yield from ((name, path) for name, path in own.items() if path)
    for trunk in here.trunks:
        named = {"certificate": trunk.record.client_cert, "ca file": trunk.record.ca_file}
        for name, text in named.items():
            if text:
                yield f"{name} of {trunk.record.name}", Path(text)


def _looked_at(name: str, path: Path, now: datetime) -> Finding:
    try:
        several = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        return Finding(name, False, f"{path} cannot be read: {error.strerror}")
    except ValueError:
        return Finding(name, False, f"{path} holds no certificate in PEM")
    first = min(several, key=lambda one: one.not_valid_after_utc)
    until = first.not_valid_after_utc
    day = f"{until:%Y-%m-%d}"
    if until <= now:
        return Finding(name, False, f"{path} expired on {day}: replace it")
    if max(one.not_valid_before_utc for one in several) > now:
        return Finding(name, False, f"{path} is not in force yet: look at the clock, or replace it")
    if until - now < SOON:
        return Finding(name, False, f"{path} expires on {day}: replace it before")
    return Finding(name, True, f"{path} is valid until {day}")
