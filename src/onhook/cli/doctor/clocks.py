"""The clock: what is dated by it has to be in order, and other machines believe it."""

import time
from collections.abc import Iterator
from pathlib import Path

import onhook
from onhook.cli.doctor.finding import Finding, Installation

BOOT = Path("/proc/sys/kernel/random/boot_id")
_AHEAD_S = 5.0
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


def wall(here: Installation) -> Iterator[Finding]:
    """It is not behind what was written: programs installed, calls recorded."""
    name, now_s = "clock", time.time()
    installed_s = Path(onhook.__file__).stat().st_mtime
    if now_s < installed_s - _AHEAD_S:
        yield Finding(name, False, _behind(installed_s - now_s, "this program was installed"))
    elif here.newest_ms and now_s < here.newest_ms / 1000 - _AHEAD_S:
        yield Finding(name, False, _behind(here.newest_ms / 1000 - now_s, "a call was recorded"))
    else:
        synchronised = ", set by NTP" if _SYNCHRONISED.exists() else ""
        yield Finding(
            name,
            True,
            f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(now_s))}{synchronised}",
        )


def monotonic(here: Installation) -> Iterator[Finding]:
    """Bills are made on the monotonic clock of a boot, which has to be known."""
    if BOOT.exists():
        yield Finding("clock of the boot", True, "the boot is known")
        return
    why = "what a crash ends is billed by the wall clock then"
    yield Finding("clock of the boot", False, f"{BOOT} cannot be read: {why}; mount /proc")


def _behind(by_s: float, what: str) -> str:
    return (
        f"it is {by_s:.0f} s behind the moment at which {what}: set it (NTP), or dates, links and "
        "certificates are wrong"
    )
