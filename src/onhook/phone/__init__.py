"""How calls reach the network: SIP signalling and session descriptions.

From the wire upward: `transport` and `inbox` (UDP), `tcp` and `framing` (TCP), `sockets` (both), `grammar`,
`message` and `bodies` (reading), `echo`, `reply`, `reason` and `invite` (writing), `digest` (credentials),
`transactions`, `layer` and `requests` (RFC 3261 17, 18), `screening` and `inbound` (what is refused at the
door, and who is let in by which trunk), `routing` and `dialog` (12), `sdp`, `sdp_writer`, `media_hosts` and
`session` (offer and answer), `dialog_client`, `session_timer`, `reliable` and `leg` (what every call asks and
answers), `incoming` and `outgoing` (one call), `locating` and `launching` (which server of a trunk gets it),
`nat` and `neighbours` (which address of ours a peer is told), `endpoint` (all of it). Beside calls: `outside`
(requests of ours without one), `kept` and `adoption` (what a call keeps, so that another process goes on with
it), `registration` and `flows` (a registrar, and the way to it kept open).
Everything between the sockets and `endpoint`, but for `locating` and `nat`, is pure: it gets bytes and the
time from outside.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from onhook.phone.cause import SipCause
    from onhook.phone.dialog import DialogRecord
    from onhook.phone.endpoint import SipEndpoint
    from onhook.phone.errors import CallStateError, SipError
    from onhook.phone.incoming import IncomingCall
    from onhook.phone.leg import Leg
    from onhook.phone.lifecycle import CallListener, CallState, OutgoingListener
    from onhook.phone.outgoing import OutgoingCall
    from onhook.phone.sdp import Direction, RemoteMedia, SdpCodec
    from onhook.phone.timers import SipTimers
    from onhook.phone.trunk import ShownCaller, Trunk

__all__ = [
    "CallListener",
    "CallState",
    "CallStateError",
    "DialogRecord",
    "Direction",
    "IncomingCall",
    "Leg",
    "OutgoingCall",
    "OutgoingListener",
    "RemoteMedia",
    "SdpCodec",
    "ShownCaller",
    "SipCause",
    "SipEndpoint",
    "SipError",
    "SipTimers",
    "Trunk",
]

_WHERE: Final = {
    "CallListener": "lifecycle",
    "CallState": "lifecycle",
    "CallStateError": "errors",
    "DialogRecord": "dialog",
    "Direction": "sdp",
    "IncomingCall": "incoming",
    "Leg": "leg",
    "OutgoingCall": "outgoing",
    "OutgoingListener": "lifecycle",
    "RemoteMedia": "sdp",
    "SdpCodec": "sdp",
    "ShownCaller": "trunk",
    "SipCause": "cause",
    "SipEndpoint": "endpoint",
    "SipError": "errors",
    "SipTimers": "timers",
    "Trunk": "trunk",
}


def __getattr__(name: str) -> object:
    """Loads what is asked for by name: whoever wants an address read does not want all of SIP."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
