"""Reads `torture.txt`: the messages of RFC 4475, byte for byte."""

import re
from pathlib import Path

_HEX = re.compile(r"<hex>((?:[0-9A-F]{2})+)</hex>")


def messages() -> dict[str, bytes]:
    """The messages by name."""
    text = Path(__file__).with_name("torture.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^=== ", text, flags=re.MULTILINE)
    return {part.split(" ", 1)[0]: _bytes(part.partition("\n")[2]) for part in parts}


def _bytes(text: str) -> bytes:
    return b"\r\n".join(_line(line) for line in text.removesuffix("\n").split("\n"))


def _line(line: str) -> bytes:
    pieces = _HEX.split(line)  # text and hexadecimal digits in turn
    return b"".join(
        bytes.fromhex(piece) if odd else piece.encode()
        for number, piece in enumerate(pieces)
        for odd in [number % 2]
    )
