"""SIP messages as a file that Wireshark and sngrep open: each as one UDP datagram over IP. Pure.

What was TCP or TLS on the wire is a datagram too: it is the messages that are of interest. The addresses of
peers are real; ours is that of loopback, since nobody wrote it down.
"""

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from onhook.store.traces import Entry

_FILE: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101)
"""Little endian, microseconds, and packets that begin with IP (LINKTYPE_RAW)."""
_UDP: Final = 17
_MOST: Final = 65_000


def pcap(entries: Iterable[Entry], our_port: int = 5060) -> bytes:
    """The file. Other entries than SIP messages are left out."""
    messages = [one for one in entries if one.kind.startswith("sip-")]
    return _FILE + b"".join([_packet(one, our_port) for one in messages])


def _packet(entry: Entry, our_port: int) -> bytes:
    host, _, port = entry.whom.rpartition(":")
    peer = _address(host.strip("[]").partition("%")[0])
    ours = IPv6Address("::1") if isinstance(peer, IPv6Address) else ip_address("127.0.0.1")
    theirs, us = (peer.packed, int(port)), (ours.packed, our_port)
    source, target = (theirs, us) if entry.kind == "sip-in" else (us, theirs)
    datagram = _datagram(source, target, entry.said[:_MOST])
    seconds, micros = divmod(entry.at_us, 1_000_000)
    return struct.pack("<IIII", seconds, micros, len(datagram), len(datagram)) + datagram


def _address(host: str) -> IPv4Address | IPv6Address:
    """What is not numeric is nobody's address."""
    try:
        return ip_address(host)
    except ValueError:
        return IPv4Address(0)


def _datagram(source: tuple[bytes, int], target: tuple[bytes, int], said: bytes) -> bytes:
    length = 8 + len(said)
    addresses = source[0] + target[0]
    ports = struct.pack("!HHH", source[1], target[1], length)
    if len(source[0]) == 16:
        pseudo = addresses + struct.pack("!II", length, _UDP)
        udp = ports + struct.pack("!H", _sum(pseudo + ports + b"\0\0" + said) or 0xFFFF) + said
        return struct.pack("!IHBB", 6 << 28, length, _UDP, 64) + addresses + udp
    pseudo = addresses + struct.pack("!BBH", 0, _UDP, length)
    udp = ports + struct.pack("!H", _sum(pseudo + ports + b"\0\0" + said) or 0xFFFF) + said
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, _UDP, 0)
    checked = struct.pack("!H", _sum(head + addresses))
    return head[:10] + checked + addresses + udp


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
