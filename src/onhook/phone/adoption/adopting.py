"""A leg of another process, of what that has kept of it."""

from typing import Protocol, cast

from onhook.phone.adoption.incoming import AdoptedIncoming
from onhook.phone.adoption.outgoing import AdoptedOutgoing
from onhook.phone.errors import SipError
from onhook.phone.incoming import AnsweringSignalling
from onhook.phone.kept.outside import outside
from onhook.phone.kept.reading import Fields, Kept, KeptUnreadable
from onhook.phone.lifecycle import CallListener, OutgoingListener
from onhook.phone.outgoing import DiallingSignalling
from onhook.phone.trunk import Trunk


class AdoptingSignalling(AnsweringSignalling, DiallingSignalling, Protocol):
    """What legs of both kinds need of their endpoint."""


def adopted(
    kept: Kept,
    listener: CallListener | OutgoingListener,
    signalling: AdoptingSignalling,
    trunk: Trunk | None,
) -> AdoptedIncoming | AdoptedOutgoing:
    """The leg, for which `go_on` is to be called. Raises `KeptUnreadable`."""
    seen, fields = outside(kept), Fields(kept, "leg")
    secrets = fields.mapping("keys")
    keys = {name: text for name, text in secrets.items() if isinstance(text, str)}
    if seen.trunk != (trunk.name if trunk else ""):
        raise KeptUnreadable("it came or went by another trunk")
    try:
        if not seen.we_called:
            incoming = AdoptedIncoming(fields, keys, signalling, trunk)
            incoming.listener = cast(CallListener, listener)
            return incoming
        if trunk is None:
            raise KeptUnreadable("a call of ours without its trunk")
        outgoing = AdoptedOutgoing(fields, keys, signalling, trunk)
        outgoing.listener = cast(OutgoingListener, listener)
        return outgoing
    except KeptUnreadable:
        raise
    except (SipError, ValueError) as error:
        raise KeptUnreadable(str(error)) from error
