"""Who calls whom, by the headers in which a trunk says it. Pure."""

from collections.abc import Mapping
from typing import Final

from onhook.phone.identity import Caller, PhoneUser, called_user, caller_of, user_in
from onhook.phone.inbound.sources import Origin
from onhook.phone.message import Request

CALLED_FROM: Final[Mapping[str, str]] = {"to": "to", "p-called-party-id": "p-called-party-id"}
"""The header of each place where a trunk may say who is called; the Request-URI is none."""
CALLER_FROM: Final[Mapping[str, str]] = {
    "from": "from",
    "pai": "p-asserted-identity",
    "rpid": "remote-party-id",
    "ppi": "p-preferred-identity",
    "diversion": "diversion",
}


def called_by(invite: Request, origin: Origin) -> PhoneUser:
    """Who is called. Where the trunk's header names nobody, it is the Request-URI that counts.

    ValueError for a Request-URI that cannot be read.
    """
    uri = called_user(invite.uri)
    if origin.trunk is None:
        return uri
    header = CALLED_FROM.get(origin.trunk.called_from, "")
    named = user_in(invite, header) if header else None
    return named if named is not None else uri


def caller_by(invite: Request, origin: Origin) -> Caller:
    """Who calls; of a trunk that has not said where it is, and without one, by P-Asserted-Identity."""
    return caller_of(
        invite, CALLER_FROM[origin.trunk.caller_from] if origin.trunk else "p-asserted-identity"
    )
