"""How calls reach the network: SIP signalling and session descriptions.

From the wire upward: `transport` and `inbox` (UDP), `tcp` and `framing` (TCP), `sockets` (both), `grammar`,
`message` and `bodies` (reading), `echo`, `reply`, `reason` and `invite` (writing), `digest` (credentials),
`transactions`, `layer` and `requests` (RFC 3261 17, 18), `screening` and `inbound` (what is refused at the
door, and who is let in by which trunk), `routing` and `dialog` (12), `sdp`, `sdp_writer`, `media_hosts` and
`session` (offer and answer), `dialog_client`, `session_timer`, `reliable` and `leg` (what every call asks and
answers), `incoming` and `outgoing` (one call), `locating` and `launching` (which server of a trunk gets it),
`nat` and `neighbours` (which address of ours a peer is told), `endpoint` (all of it). Beside calls: `outside`
(requests of ours without one), `registration` and `flows` (a registrar, and the way to it kept open).
Everything between the sockets and `endpoint`, but for `locating` and `nat`, is pure: it gets bytes and the
time from outside.
"""

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
