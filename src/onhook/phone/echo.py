"""What a response repeats of its request: Via, From, To, Call-ID and CSeq (RFC 3261 8.2.6.2). Pure.

Values that come in one line leave in one: a request with thousands of Vias would be answered with four times
its bytes otherwise, and to whoever it says that it comes from.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from onhook.phone import grammar
from onhook.phone.errors import Unanswerable
from onhook.phone.grammar import Via

_RECEIVED = re.compile(r';\s*received\s*=\s*[^;,\s"]*', re.IGNORECASE)
_RPORT = re.compile(r";\s*rport\b(\s*=\s*\d*)?", re.IGNORECASE)


def echo(
    headers: Mapping[str, Sequence[str]], top: Via, source: tuple[str, int]
) -> tuple[str, str]:
    """The lines before the end of the To value, where a tag may follow, and those after it."""
    lines = _stamped_lines(headers["via"], top, source)
    vias = "".join(f"Via: {line}\r\n" for line in lines)
    before = f"{vias}From: {headers['from'][0]}\r\nTo: {headers['to'][0]}"
    return before, f"\r\nCall-ID: {headers['call-id'][0]}\r\nCSeq: {headers['cseq'][0]}\r\n"


def echo_of_malformed(
    headers: Mapping[str, Sequence[str]], source: tuple[str, int]
) -> tuple[str, str]:
    """The same for a request that cannot be read: what there is of it, and the first where it says
    a thing twice. Raises `Unanswerable` if nothing says who asked, or if the echo would break a line.
    """
    if not headers.get("via"):
        raise Unanswerable("no Via")
    top = readable_via(headers)
    lines = [*headers["via"]]
    if top is not None:
        lines = _stamped_lines(lines, top, source)
    before = [f"Via: {line}" for line in lines]
    before += [f"{label}: {value}" for label in ("From", "To") for value in _first(headers, label)]
    after = [
        f"{label}: {value}" for label in ("Call-ID", "CSeq") for value in _first(headers, label)
    ]
    if not all(grammar.is_printable(line) for line in (*before, *after)):
        raise Unanswerable("control character")
    return "\r\n".join(before), "\r\n" + "".join(f"{line}\r\n" for line in after)


def readable_via(headers: Mapping[str, Sequence[str]]) -> Via | None:
    """The topmost Via, None if there is none that can be read."""
    try:
        return grammar.via(grammar.split_list(headers["via"][0])[0])
    except (ValueError, LookupError):
        return None


def _first(headers: Mapping[str, Sequence[str]], label: str) -> Sequence[str]:
    """The first value of a header, or nothing."""
    return headers.get(label.lower(), ())[:1]


def _stamped_lines(lines: Sequence[str], top: Via, source: tuple[str, int]) -> list[str]:
    first, *others = grammar.split_list(lines[0])
    rest = [",".join(others)] if others else []
    return [_stamped(first, top, source), *rest, *lines[1:]]


def _stamped(text: str, top: Via, source: tuple[str, int]) -> str:
    """The top Via with the address it came from (RFC 3261 18.2.1, RFC 3581 4)."""
    host, port = source[0].partition("%")[0], source[1]
    if "received" in top.parameters:  # whatever the sender wrote there is not for it to say
        text = _RECEIVED.sub("", text)
    if text.endswith(";rport") and text.lower().count("rport") == 1 and '"' not in text:
        return f"{text}={port};received={host}"
    if "rport" in top.parameters:
        text = _RPORT.sub(f";rport={port}", text, count=1)
        return f"{text};received={host}"
    if top.host != host and _address(top.host.strip("[]")) != _address(host):
        return f"{text};received={host}"
    return text


def _address(text: str) -> str:
    """A numeric address in its one form (RFC 5952), so that two spellings of it are equal."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text
