"""What the servers of a test wrote while it ran: printed where it fails."""

from pathlib import Path

SHOWN_BYTES = 16_000
"""Of each log, its last ones."""
_begins_bytes: dict[Path, int] = {}
"""How much of each log is of the tests before this one."""
_ended: set[Path] = set()


def follow(log: Path) -> None:
    """A server writes here from now on."""
    _begins_bytes[log] = log.stat().st_size
    _ended.discard(log)


def leave(log: Path) -> None:
    """Its server has ended: no other test has to do with it."""
    _ended.add(log)


def begin() -> None:
    """A test begins."""
    for log in _ended:
        _begins_bytes.pop(log, None)
    _ended.clear()
    for log in [log for log in _begins_bytes if not log.exists()]:
        del _begins_bytes[log]
    for log in _begins_bytes:
        _begins_bytes[log] = log.stat().st_size


def sections() -> list[tuple[str, str]]:
    """A title and the text of each server that wrote something during this test."""
    found = []
    for log, begins_bytes in _begins_bytes.items():
        written = log.read_bytes()[begins_bytes:] if log.exists() else b""
        if written:
            found.append((f"log of {log.stem}", written[-SHOWN_BYTES:].decode(errors="replace")))
    return found
