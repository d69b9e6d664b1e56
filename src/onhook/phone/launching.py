"""Where an INVITE of ours leaves for, and where one that a process before this one sent is taken back."""

from collections.abc import Callable

from onhook.phone.addresses import Address
from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.lifecycle import CallState
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.target import of_address, of_trunk
from onhook.phone.orphan import Orphan
from onhook.phone.outgoing import OutgoingCall
from onhook.phone.trunk import Trunk, is_numeric


def launch(
    call: OutgoingCall,
    locator: Locator,
    local_ip: Callable[[str], str],
    on_sent: Callable[[], None] | None,
) -> None:
    """Send an INVITE to the first server of its trunk, as soon as that is found.

    `local_ip` says which address of ours a numeric host sends audio to, or raises OSError.
    """

    def start() -> None:
        call.start()
        if on_sent is not None:
            on_sent()

    def found(servers: tuple[Address, ...]) -> None:
        if not servers:
            call.fail(SipCause(503, None, "the host of the trunk is not known"))
        elif call.state is CallState.DIALLING:
            call.aim(servers[0], servers[1:], _audio_ip(servers[0], local_ip))
            call.when_kept(start)  # it is to ring at no second server, should this process die now
            return
        start()

    if is_numeric(call.destination[0]):
        start()
    else:
        locator.locate(of_trunk(call.trunk), found)


def take_back(orphan: Orphan, record: DialogRecord, trunk: Trunk | None, locator: Locator) -> None:
    """End a call that was left behind, wherever its INVITE went.

    A record that has the name of its trunk is of an INVITE that may have gone to any of its servers.
    """
    if record.pending_out is None:
        orphan.hang_up(record)
        return
    went_to = record.pending_out.destination
    there = of_trunk(trunk) if trunk else None
    if is_numeric(went_to[0]):
        orphan.withdraw((went_to,))
    elif there and there.host == went_to[0]:
        locator.locate(there, orphan.withdraw)
    else:
        locator.locate(of_address(went_to), orphan.withdraw)


def _audio_ip(server: Address, local_ip: Callable[[str], str]) -> str:
    """Empty if there is no route: what is sent will be lost anyway."""
    try:
        return local_ip(server[0])
    except OSError:
        return ""
