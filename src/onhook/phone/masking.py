"""SIP messages without what nobody may keep: credentials, keys of SRTP, pressed keys, and what an
application has to say in headers of its own (X-…), which are its secrets. Pure."""

import re
from typing import Final

_CREDENTIALS: Final = re.compile(
    rb"^((?:proxy-)?authorization[ \t]*:[ \t]*\S+).*$", re.IGNORECASE | re.MULTILINE
)
_OWN: Final = re.compile(rb"^(x-[^\s:]+[ \t]*:).*$", re.IGNORECASE | re.MULTILINE)
_KEYS: Final = re.compile(rb"^(a=crypto:\S+ \S+ ).*$", re.IGNORECASE | re.MULTILINE)
_DIGITS: Final = re.compile(
    rb"^([ \t]*(?:signal|d)[ \t]*=[ \t]*)[0-9A-D*#]", re.IGNORECASE | re.MULTILINE
)
_PLAIN_DIGIT: Final = re.compile(rb"(?<=\r\n\r\n)[0-9A-D*#]\s*$", re.IGNORECASE)
_MASK: Final = "•".encode()


def masked(message: bytes) -> bytes:
    """The message; the very same object where there is nothing to be masked, which is nearly always."""
    has = message.find  # `in` takes bytes for a number first, and makes an exception each time
    if has(b"uthorization") >= 0 or has(b"UTHORIZATION") >= 0:
        message = _CREDENTIALS.sub(rb"\1 ***\r", message)
    if has(b"\nX-") >= 0 or has(b"\nx-") >= 0:
        message = _OWN.sub(rb"\1 ***\r", message)
    if has(b"a=crypto:") >= 0:
        message = _KEYS.sub(rb"\1***\r", message)
    if message.startswith(b"INFO "):
        message = _DIGITS.sub(rb"\1" + _MASK, message)
        message = _PLAIN_DIGIT.sub(_MASK, message)
    return message
