"""The ladder of a call: it fits the terminal, and says who told whom what; and a capture that others open."""

import struct
from ipaddress import ip_address

import pytest

from onhook.calls.story.steps import Step, brief, lanes_of, steps_of
from onhook.cli.ladder import ladder
from onhook.cli.pcap import pcap
from onhook.store import AttemptRecord, RefusedRequest
from onhook.store.reports import CallReport, NotificationReport
from onhook.store.traces import Entry
from store.samples import call, notification


def sip(at_us: int, kind: str, first: str, call_id: str = "a", cseq: str = "1 INVITE") -> Entry:
    text = f"{first}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\r\n"
    return Entry(at_us, kind, "192.0.2.7:5060", text.encode())


ENTRIES = [
    sip(1_000_000, "sip-in", "INVITE sip:x SIP/2.0"),
    Entry(1_001_000, "state", "", b"ringing answer"),
    sip(1_002_000, "sip-out", "SIP/2.0 180 Ringing"),
    Entry(1_200_000, "request", "", b"transfer"),
    sip(1_300_000, "sip-out", "INVITE sip:y SIP/2.0", "b"),
    sip(1_400_000, "sip-in", "SIP/2.0 200 OK", "b"),
    sip(1_500_000, "sip-in", "BYE sip:x SIP/2.0", cseq="2 BYE"),
    sip(1_501_000, "sip-out", "SIP/2.0 200 OK", cseq="2 BYE"),
]


def report() -> CallReport:
    fields = {"ivr_block": "answer", "call_state": "ringing"}
    told = NotificationReport(
        notification("S1", 1, fields=fields), [AttemptRecord("m", 1, 1010, 9, 200, "")]
    )
    refused = RefusedRequest("S1", 1, 1100, "ivr/middle/play", "error_msg_invalid_xml", "It is.")
    return CallReport(call(), [told], [refused])


def test_steps_of_all_sources_are_in_order() -> None:
    steps = steps_of(report(), ENTRIES)
    assert [(step.of, step.to, step.text) for step in steps] == [
        ("caller", "Onhook", "INVITE"),
        ("Onhook", "", "ringing answer"),
        ("Onhook", "caller", "180 Ringing"),
        ("Onhook", "application", "answer ringing: 200"),
        ("application", "Onhook", "play: error_msg_invalid_xml"),
        ("application", "Onhook", "transfer"),
        ("Onhook", "other", "INVITE"),
        ("other", "Onhook", "200 OK"),
        ("caller", "Onhook", "BYE"),
        ("Onhook", "caller", "200 OK (BYE)"),
    ]
    assert lanes_of(steps) == ["caller", "other", "Onhook", "application"]


def test_it_is_drawn() -> None:
    steps = steps_of(report(), [one for one in ENTRIES if b": b\r" not in one.said])
    lines = list(ladder(steps, 80, lambda at_us: f"{at_us:012}"))
    assert lines[0].split() == ["caller", "Onhook", "application"]
    assert lines[1] == "000001000000      |---------- INVITE -------->|                           |"
    assert "* ringing answer" in lines[2]
    assert "|<------ 180 Ringing -------|" in lines[3]


@pytest.mark.parametrize("columns", [80, 100, 250])
def test_no_line_is_longer_than_the_terminal(columns: int) -> None:
    long = Step(1, "caller", "Onhook", "x" * 300, "sip")
    note = Step(2, "Onhook", "", "y" * 300, "state")
    for steps in ([*steps_of(report(), ENTRIES), long, note], []):
        lines = list(ladder(steps, columns, lambda at_us: "14:03:20.123"))
        assert max(map(len, lines)) <= min(columns, 120)
        assert sum(line.startswith("14:03:20.123 ") for line in lines) == len(steps)


def test_a_note_takes_the_lines_that_it_needs() -> None:
    said = "plays speech (en-US, female), at least 3.3 s"
    steps = [Step(1, "caller", "Onhook", "ACK", "sip"), Step(2, "Onhook", "", said, "played")]
    assert list(ladder(steps, 80, lambda _: "14:03:20.123"))[2:] == [
        "14:03:20.123      |                           |* plays speech (en-US, female),",
        "                  |                           |  at least 3.3 s           |",
    ]


def test_a_reply_says_its_status_and_what_else_there_is() -> None:
    def reply(text: str, kind: str = "reply") -> str:
        return brief(Step(1, "Onhook", "application", text, kind))

    assert reply('hangup: {"status":"success_ok"}') == "hangup: success_ok"
    assert reply('call: {"status":"success_ok","session":"S1"}') == "call: success_ok, session S1"
    for text in ("hangup: {}x", "hangup", "hangup: 7", ""):
        assert reply(text) == text
    assert reply('{"status":"x"}', "sip") == '{"status":"x"}'


def checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]"])
def test_the_capture_is_one_of_raw_ip_with_sums_that_add_up(host: str) -> None:
    entries = [Entry(1_500_001, kind, f"{host}:5066", b"OPTIONS sip:x\r\n\r\n") for kind in
               ("sip-in", "state", "sip-out")]  # fmt: skip
    file = pcap(entries)
    assert struct.unpack_from("<IHH", file) == (0xA1B2C3D4, 2, 4)
    assert struct.unpack_from("<I", file, 20) == (101,)
    at, packets = 24, []
    while at < len(file):
        seconds, micros, length, whole = struct.unpack_from("<IIII", file, at)
        assert (seconds, micros, length) == (1, 500_001, whole)
        packets.append(file[at + 16 : at + 16 + length])
        at += 16 + length
    assert len(packets) == 2
    peer = ip_address(host.strip("[]")).packed
    for packet, incoming in zip(packets, (True, False), strict=True):
        size = 20 if packet[0] >> 4 == 4 else 40
        width = 4 if size == 20 else 16
        addresses = packet[size - 2 * width : size]
        udp = packet[size:]
        assert addresses.startswith(peer) == incoming
        assert addresses.endswith(peer) != incoming
        assert struct.unpack_from("!HH", udp)[0 if incoming else 1] == 5066
        assert udp[8:] == b"OPTIONS sip:x\r\n\r\n"
        assert checksum(addresses + struct.pack("!II", len(udp), 17) + udp) == 0xFFFF
        if size == 20:
            assert checksum(packet[:20]) == 0xFFFF
