"""Whom a certificate speaks for."""

import pytest

from onhook.phone.tls.names import speaks_for


@pytest.mark.parametrize(
    ("said", "name", "speaks"),
    [
        (("DNS", "sip.example.com"), "sip.example.com", True),
        (("DNS", "SIP.Example.com."), "sip.example.COM", True),
        (("DNS", "example.com"), "sip.example.com", False),
        (("DNS", "*.example.com"), "sip.example.com", True),
        (("DNS", "*.example.com"), "a.sip.example.com", False),
        (("DNS", "*.example.com"), "example.com", False),
        (("DNS", "*.com"), "example.com", False),
        (("DNS", "s*.example.com"), "sip.example.com", False),
        (("URI", "sip:example.com"), "example.com", True),
        (("URI", "sip:*.example.com"), "a.example.com", False),
        (("URI", "sip:me@example.com"), "example.com", False),
        (("URI", "https:example.com"), "example.com", False),
        (("IP Address", "192.0.2.1"), "192.0.2.1", True),
        (("IP Address", "2001:DB8:0:0:0:0:0:1"), "[2001:db8::1]", True),
        (("IP Address", "192.0.2.2"), "192.0.2.1", False),
        (("DNS", "192.0.2.1"), "192.0.2.1", False),
        (("DNS", "sip.example.com\0.evil.example"), "sip.example.com", False),
    ],
)
def test_names(said: tuple[str, str], name: str, speaks: bool) -> None:
    assert speaks_for({"subjectAltName": (said,)}, name) is speaks


def test_a_common_name_is_not_looked_at() -> None:
    subject = ((("commonName", "sip.example.com"),),)
    assert not speaks_for({"subject": subject}, "sip.example.com")
