"""The Binding of STUN: what our address looks like from outside (RFC 8489 5, 14). Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from onhook.phone.addresses import Address

PORT = 3478
"""RFC 8489 18.6."""
_COOKIE = bytes.fromhex("2112a442")
_REQUEST = b"\x00\x01"
_SUCCESS = b"\x01\x01"
_HEADER_BYTES = 20
_MAPPED, _XOR_MAPPED = 0x0001, 0x0020
_SIZES = {1: 4, 2: 16}
"""Bytes of an address, by its family."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One question; `transaction` is 12 unguessable bytes, by which its answer is known."""

    transaction: bytes

    def request(self) -> bytes:
        """The Binding request."""
        return _REQUEST + b"\x00\x00" + _COOKIE + self.transaction

    def address_in(self, data: bytes) -> Address | None:
        """The address that a success response says; None for anything else."""
        length = int.from_bytes(data[2:4], "big")
        if data[:2] != _SUCCESS or data[4:8] != _COOKIE or data[8:20] != self.transaction:
            return None
        if len(data) != _HEADER_BYTES + length:
            return None
        found: dict[int, Address] = {}
        rest = data[_HEADER_BYTES:]
        while len(rest) >= 4:
            kind, size = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
            value, rest = rest[4 : 4 + size], rest[4 + (size + 3) // 4 * 4 :]
            mask = _COOKIE + self.transaction if kind == _XOR_MAPPED else bytes(16)
            address = _address(value, mask) if kind in (_MAPPED, _XOR_MAPPED) else None
            if len(value) == size and address:
                found.setdefault(kind, address)
        # Routers that rewrite addresses in what they pass on find the first, but not the second.
        return found.get(_XOR_MAPPED) or found.get(_MAPPED)


def _address(value: bytes, mask: bytes) -> Address | None:
    size = _SIZES.get(value[1]) if len(value) > 4 else None
    if size is None or len(value) != 4 + size:
        return None
    host = bytes(byte ^ by for byte, by in zip(value[4:], mask, strict=False))
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    return str(ip_address(host)), port
