"""How calls reach the network: SIP signalling and session descriptions.

From the wire upward: `transport` (UDP), `grammar` and `message` (reading), `reply` (writing),
`transactions` and `layer` (RFC 3261 17), `routing` and `dialog` (12), `sdp` and `session`
(offer and answer), `incoming` (one call), `endpoint` (all of it). Everything between
`transport` and `endpoint` is pure: it gets bytes and the time from outside.
"""

from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.endpoint import SipEndpoint
from onhook.phone.errors import CallStateError, SipError
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallListener
from onhook.phone.sdp import Codec, Direction, RemoteMedia
from onhook.phone.timers import Timers

__all__ = [
    "CallListener",
    "CallStateError",
    "Codec",
    "DialogRecord",
    "Direction",
    "IncomingCall",
    "RemoteMedia",
    "SipCause",
    "SipEndpoint",
    "SipError",
    "Timers",
]
