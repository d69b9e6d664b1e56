"""The few SIP messages of a caller, and what it reads of those that it gets."""

import re

Address = tuple[str, int]

_TARGET = re.compile(r"<([^>]+)>")
_PORT = re.compile(r"^m=audio (\d+)", re.MULTILINE)
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


def offer(port: int) -> str:
    """A description of one mu-law stream that is to go to `port`."""
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
    )


def request(
    method: str,
    uri: str,
    *,
    me: Address,
    caller: str,
    call_id: str,
    to: str,
    body: str = "",
    in_invite: bool = False,
) -> bytes:
    """A request of a caller that makes one INVITE a call, and its ACK or CANCEL.

    `in_invite`: it belongs to the transaction of the INVITE, as a CANCEL does (RFC 3261, 9.1), and the
    ACK to a refusal (17.1.1.3).
    """
    host, port = me
    transaction = "INVITE" if in_invite else method
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call_id}{transaction}\r\n"
        f"From: <sip:{caller}@{host}:{port}>;tag=f{call_id}\r\n"
        f"To: {to}\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:{caller}@{host}:{port}>\r\nMax-Forwards: 70\r\n"
        f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def ok(message: str) -> bytes:
    """200 to a request."""
    copied = "".join(f"{name}: {header(message, name)}\r\n" for name in _COPIED)
    return f"SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n".encode()


def header(message: str, name: str) -> str:
    """The first value of a header, or nothing."""
    found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", message, re.IGNORECASE | re.MULTILINE)
    return found.group(1) if found else ""


def target(message: str) -> str:
    """The URI of the Contact. ValueError if there is none."""
    found = _TARGET.search(header(message, "Contact"))
    if found is None:
        raise ValueError("no Contact")
    return found.group(1)


def audio_port(message: str) -> int:
    """The port of the audio in the description. ValueError if there is none."""
    found = _PORT.search(message)
    if found is None:
        raise ValueError("no audio")
    return int(found.group(1))
