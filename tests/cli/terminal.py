"""Commands on a terminal of their own, as a person has them."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""What makes headings bold."""


def on_terminal(columns: int, data: Path, *arguments: str, typed: str = "", status: int = 0) -> str:
    """What a command writes to a terminal of so many columns, in UTC, on which this is ``typed``; it ends
    with this ``status``."""
    person, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    settings = {"ONHOOK_DATA": str(data), "TZ": "UTC", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "onhook", *arguments],
        stdin=program,
        stdout=program,
        stderr=program,
        env={**os.environ, **settings, "COLUMNS": "", "LINES": ""},  # the terminal knows them
    ) as running:
        os.close(program)
        os.write(person, typed.encode())
        written = bytearray()
        while part := _read(person):
            written += part
    os.close(person)
    assert running.returncode == status, written.decode()
    return _STYLE.sub("", written.decode()).replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    """Nothing when nobody writes any more."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
