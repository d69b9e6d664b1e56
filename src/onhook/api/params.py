"""The parameters of an HTTP request, read with the tolerance that real clients need. Pure."""

import json
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from onhook.blocks import Refused

MAX_BODY_BYTES = 256 * 1024
"""More than the longest parameters together, percent-encoded in UTF-8."""

_MAX_PARAMS = 200
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def read(query: bytes, body: bytes, content_type: str) -> Mapping[str, str]:
    """The parameters of the query string and of the body; where both name one, the body's counts.

    A body is read as a form whatever its label says, unless it begins as JSON does: one browser
    client sends a form labelled as JSON. Of a parameter given twice the first value counts.
    Raises :class:`Refused` with ``error_malformed_params``.
    """
    if len(body) > MAX_BODY_BYTES:
        raise _malformed(f"the body is larger than {MAX_BODY_BYTES} bytes")
    if content_type.lower().startswith("multipart/"):
        raise _malformed("send application/x-www-form-urlencoded, not multipart")
    given = _form(query)
    given.update(_body(body, content_type))
    return given


def _body(body: bytes, content_type: str) -> dict[str, str]:
    stripped = body.removeprefix(_BYTE_ORDER_MARK).strip()
    if not _is_meant_as_json(stripped, content_type):
        return _form(stripped)
    try:
        values = json.loads(stripped.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise _malformed("the body is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        where = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise _malformed(f"the body is meant as JSON and is not{where}") from None
    if not isinstance(values, dict):
        raise _malformed("the body is JSON, but not an object")
    return {name: text for name, value in values.items() if (text := _scalar(name, value))}


def _is_meant_as_json(body: bytes, content_type: str) -> bool:
    """No form begins with a brace. What is labelled as JSON may be a form, if it has the look of one."""
    if body.startswith(b"{"):
        return True
    labelled = "json" in content_type.lower()
    return labelled and bool(body) and (body.startswith((b"[", b'"')) or b"=" not in body)


def _no_constant(name: str) -> float:
    """NaN and Infinity, which Python reads and JSON has not (RFC 8259, section 6)."""
    raise ValueError(name)


def _scalar(name: str, value: object) -> str:
    """A JSON value as the text that a form would carry; null is absent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return _text(str(value).encode("utf-8", "surrogatepass"))
    raise _malformed(f"the value of {_text(name.encode('utf-8', 'replace'))[:64]} is not a text")


def _form(data: bytes) -> dict[str, str]:
    if not data:
        return {}
    if b"%" in data and _BROKEN_ESCAPE.search(data):
        raise _malformed("a percent sign is not followed by two hexadecimal digits")
    pairs = data.split(b"&")
    if len(pairs) > _MAX_PARAMS:
        raise _malformed(f"there are more than {_MAX_PARAMS} parameters")
    is_plain = data.isascii() and b"\0" not in data
    given: dict[str, str] = {}
    for pair in pairs:
        if is_plain and b"%" not in pair:
            name, _, value = pair.decode("ascii").replace("+", " ").partition("=")
            if name:
                given.setdefault(name, value)
            continue
        encoded, _, text = pair.partition(b"=")
        if encoded:
            given.setdefault(_unquote(encoded), _unquote(text))
    return given


def _unquote(data: bytes) -> str:
    return _text(unquote_to_bytes(data.replace(b"+", b" ")))


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("a parameter is not UTF-8") from None
    if "\0" in text:
        raise _malformed("a parameter holds a NUL byte")
    return text


def _malformed(what: str) -> Refused:
    return Refused(
        "error_malformed_params",
        f"The parameters cannot be read: {what}. They must be UTF-8 and form-encoded.",
    )
