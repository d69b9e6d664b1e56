"""What is masked in SIP messages that are kept."""

import pytest

from onhook.phone.masking import masked


def message(first: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join([first, "Call-ID: x", *headers, "", body]).encode()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            message("REGISTER sip:x SIP/2.0", 'Authorization: Digest username="me", response="ab"'),
            message("REGISTER sip:x SIP/2.0", "Authorization: Digest ***"),
        ),
        (
            message(
                "INVITE sip:x SIP/2.0", "proxy-authorization : Basic eHg6eXk=", "Max-Forwards: 70"
            ),
            message("INVITE sip:x SIP/2.0", "proxy-authorization : Basic ***", "Max-Forwards: 70"),
        ),
        (
            message(
                "INVITE sip:x SIP/2.0", body="v=0\r\na=crypto:1 AES inline:c2VjcmV0|2^20\r\nm=x\r\n"
            ),
            message("INVITE sip:x SIP/2.0", body="v=0\r\na=crypto:1 AES ***\r\nm=x\r\n"),
        ),
        (
            message("BYE sip:x SIP/2.0", "X-Why: enough", "x-token:1"),
            message("BYE sip:x SIP/2.0", "X-Why: ***", "x-token: ***"),
        ),
        (
            message("INFO sip:x SIP/2.0", body="Signal=5\r\nDuration=160\r\n"),
            message("INFO sip:x SIP/2.0", body="Signal=•\r\nDuration=160\r\n"),
        ),
        (message("INFO sip:x SIP/2.0", body="7"), message("INFO sip:x SIP/2.0", body="•")),
    ],
)
def test_credentials_keys_and_digits(given: bytes, kept: bytes) -> None:
    assert masked(given) == kept


def test_what_has_nothing_to_be_masked_is_the_same_object() -> None:
    plain = message("BYE sip:x SIP/2.0")
    assert masked(plain) is plain
