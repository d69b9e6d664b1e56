"""A dialog follows its peer to the connection that it makes anew, and nobody else's."""

import pytest

from onhook.phone.addresses import Address, TcpAddress, TlsAddress, UdpAddress
from onhook.phone.dialog import SipDialog

OURS = "tls:192.0.2.1:5061"


def dialog(source: Address) -> SipDialog:
    return SipDialog(
        call_id="one@example",
        local="<sip:us@192.0.2.1>;tag=a",
        remote="<sip:them@192.0.2.9>;tag=b",
        remote_tag="b",
        target="<sip:them@192.0.2.9>",
        routes=(),
        source=source,
        remote_cseq=1,
        next_cseq=1,
    )


@pytest.mark.parametrize("kind", [TcpAddress, TlsAddress])
def test_the_new_connection_of_the_same_peer_is_its_way(kind: type[TcpAddress]) -> None:
    one = dialog(kind("192.0.2.9", 40000).heard_by(OURS))
    one.heard_over(kind("192.0.2.9", 40001).heard_by(OURS))
    assert one.source == kind("192.0.2.9", 40001)


@pytest.mark.parametrize(
    "other",
    [
        TlsAddress("192.0.2.66", 40001).heard_by(OURS),
        TcpAddress("192.0.2.9", 40001).heard_by(OURS),
        UdpAddress("192.0.2.9", 40001),
        TlsAddress("192.0.2.9", 5061),
    ],
    ids=["another host", "without TLS", "UDP", "one that we made"],
)
def test_any_other_way_is_not(other: Address) -> None:
    one = dialog(TlsAddress("192.0.2.9", 40000).heard_by(OURS))
    one.heard_over(other)
    assert one.source == TlsAddress("192.0.2.9", 40000)


def test_what_we_connected_to_stays_where_it_is() -> None:
    one = dialog(TlsAddress("192.0.2.9", 5061))
    one.heard_over(TlsAddress("192.0.2.9", 40001).heard_by(OURS))
    assert one.source == TlsAddress("192.0.2.9", 5061)
