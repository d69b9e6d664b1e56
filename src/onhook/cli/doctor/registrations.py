"""Registrations and the health of trunks, as the server that looks after them wrote them down."""

import time
from collections.abc import Iterator

from onhook.cli.doctor.finding import Finding, Installation, KnownTrunk


def registrations(here: Installation) -> Iterator[Finding]:
    """Each trunk that wants a registration has one."""
    wanting = [one for one in here.trunks if one.record.register and one.record.name in here.asks]
    if not wanting:
        yield Finding("registrations", True, "no trunk wants one")
    for one in wanting:
        yield Finding(f"registration {one.record.name}", *_registered(here, one))


def _registered(here: Installation, one: KnownTrunk) -> tuple[bool, str]:
    state, now_ms = one.state, time.time() * 1000
    if not here.running and (state is None or not state.worker):
        return True, "the server does not run: it registers at its start"
    if state is None or state.up is None:
        return False, "the server has not tried yet: wait, and look at its log"
    if state.registered_until_ms and state.registered_until_ms > now_ms:
        return True, f"for {round((state.registered_until_ms - now_ms) / 1000)} s more"
    code = f" with {state.sip_code}" if state.sip_code else ""
    why = state.hint or "look at --username, --password and --auth-user"
    return False, f"refused{code}, {state.failures} times in a row: {why}"
