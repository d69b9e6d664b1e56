"""Large tables of words, read where they lie in a file: Python's dictionaries take ten times the memory.

A file holds several tables by name, each a hash table with open addressing. Written once, then only read;
several processes share the pages that any of them has looked at. Numbers are little-endian.
"""

import json
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from zlib import crc32

_MAGIC: Final = b"onhook tables 1\n"
_HEAD: Final = struct.Struct("<II")  # the size of the file, and of the directory that follows
_SLOT: Final = struct.Struct("<I")  # where a row is; 0 for none
_ROW: Final = struct.Struct("<HH")  # the sizes of its key and its value, which follow


class Table:
    """One table: bytes by words. May be read by several threads."""

    def __init__(self, memory: mmap.mmap, slots_at: int, slots: int) -> None:
        self._memory = memory
        self._slots_at = slots_at
        self._mask = slots - 1

    def get(self, word: str) -> bytes | None:
        """What stands there for `word`."""
        memory, key = self._memory, _key(word)
        slot = crc32(key) & self._mask
        while row := _SLOT.unpack_from(memory, self._slots_at + slot * _SLOT.size)[0]:
            key_size, size = _ROW.unpack_from(memory, row)
            value_at = row + _ROW.size + key_size
            if memory[row + _ROW.size : value_at] == key:
                return memory[value_at : value_at + size]
            slot = slot + 1 & self._mask
        return None

    def __contains__(self, word: str) -> bool:
        return self.get(word) is not None


def read(path: Path) -> dict[str, Table]:
    """The tables of a file. Raises `OSError`, and `ValueError` for a file that is none, or not whole."""
    with path.open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    if memory[: len(_MAGIC)] != _MAGIC or len(memory) < len(_MAGIC) + _HEAD.size:
        raise ValueError("this is no file of tables")
    size, directory_size = _HEAD.unpack_from(memory, len(_MAGIC))
    if size != len(memory):
        raise ValueError("this file of tables is not whole")
    start = len(_MAGIC) + _HEAD.size
    directory: dict[str, tuple[int, int]] = json.loads(memory[start : start + directory_size])
    return {name: Table(memory, at, slots) for name, (at, slots) in directory.items()}


def written(tables: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """The content of a file of tables. Keys and values have at most 65,535 bytes."""
    # Positions in the directory have a fixed width, so that they do not move what they are positions of.
    sizes = {name: _slots(len(rows)) for name, rows in tables.items()}
    width = len(_directory(dict.fromkeys(sizes, 0), sizes))
    at = len(_MAGIC) + _HEAD.size + width
    starts: dict[str, int] = {}
    parts: list[bytes] = []
    for name, rows in tables.items():
        starts[name] = at
        part = _part(rows, sizes[name], at)
        parts.append(part)
        at += len(part)
    head = _HEAD.pack(at, width)
    return b"".join([_MAGIC, head, _directory(starts, sizes), *parts])


def _directory(starts: Mapping[str, int], sizes: Mapping[str, int]) -> bytes:
    found = ",".join(f'"{name}":[{starts[name]:>10},{size:>10}]' for name, size in sizes.items())
    return f"{{{found}}}".encode()


def _slots(rows: int) -> int:
    """Twice as many or more, so that few words meet."""
    return 1 << max(2 * rows - 1, 1).bit_length()


def _part(rows: Mapping[str, bytes], count: int, at: int) -> bytes:
    slots = [0] * count
    mask = count - 1
    packed: list[bytes] = []
    row_at = at + count * _SLOT.size
    for word, value in rows.items():
        key = _key(word)
        slot = crc32(key) & mask
        while slots[slot]:
            slot = slot + 1 & mask
        slots[slot] = row_at
        packed.append(_ROW.pack(len(key), len(value)) + key + value)
        row_at += len(packed[-1])
    return struct.pack(f"<{count}I", *slots) + b"".join(packed)


def _key(word: str) -> bytes:
    return word.encode(errors="surrogatepass")
