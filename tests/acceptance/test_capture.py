"""A capture of a call, as Wireshark's program reads it: every message decoded, dated and in its direction."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from acceptance.harness import Callee, Customer
from acceptance.test_operator_commands import command
from acceptance.test_trace import passed_on

COLUMNS = (
    *("frame.time_epoch", "udp.srcport", "udp.dstport", "_ws.col.Protocol", "sip.Method"),
    *("sip.Status-Code", "sip.Call-ID", "udp.checksum.status", "_ws.malformed"),
)
GOOD = "1"
"""What tshark says of a checksum that adds up."""


def read_by_tshark(capture: Path) -> list[dict[str, str]]:
    """The packets of a file, by their columns."""
    fields = [word for column in COLUMNS for word in ("-e", column)]
    done = subprocess.run(
        ["tshark", "-n", "-r", capture, "-o", "udp.check_checksum:TRUE", "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    )
    return [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


@pytest.mark.slow
async def test_tshark_reads_every_message_of_both_phones(
    customer: Customer, callee: Callee, tmp_path: Path
) -> None:
    session, trace = await passed_on(customer, callee)
    steps = [step for step in trace if step["message"]]
    file = tmp_path / "call.pcap"
    await command(customer.server, "calls", "trace", session, "--pcap", str(file))
    packets = await asyncio.to_thread(read_by_tshark, file)
    # What came after the trace was read is in the file only.
    assert len(packets) >= len(steps) > 10
    for packet, step in zip(packets, steps, strict=False):
        seconds, _, fraction = packet["frame.time_epoch"].partition(".")
        assert int(seconds) * 1_000_000 + int(fraction[:6]) == step["at_us"]
        assert packet["_ws.col.Protocol"] in ("SIP", "SIP/SDP")
        assert packet["udp.checksum.status"] == GOOD
        assert not packet["_ws.malformed"]
        first_line = step["message"].split("\r\n")[0]
        if first_line.startswith("SIP/2.0"):
            assert packet["sip.Status-Code"] == first_line.split()[1]
        else:
            assert packet["sip.Method"] == first_line.split()[0]
        ours, theirs = ("udp.dstport", "udp.srcport") if step["to"] == "Onhook" else (
            "udp.srcport", "udp.dstport")  # fmt: skip
        assert packet[ours] == "5060"
        assert packet[theirs] != "5060"
    assert len({packet["sip.Call-ID"] for packet in packets}) == 2
    assert {packet["udp.dstport"] == "5060" for packet in packets} == {True, False}
    assert json.loads(await command(customer.server, "calls", "why", session, "--json"))
