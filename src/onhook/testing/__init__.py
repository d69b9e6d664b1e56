"""A virtual phone, a customer's web server and a virtual clock, for the users' tests and ours.

`Phone` places and takes real calls over UDP on loopback and records what it hears; `tone` and `find_tone`
make a message measurable; `Receiver` is the web server that gets the notifications; `ApiClient`
makes the requests; `VirtualClock` passes hours in a microsecond. None of it uses the parts of
Onhook that it tests.
"""

from onhook.testing.api_client import ApiClient, ApiReply, ApiReplyError
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import Ended, Event, How, SeenMessage
from onhook.testing.clock import VirtualClock, VirtualHandle
from onhook.testing.digest import Challenge
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.network import Network
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification, Receiver, Reply, Then
from onhook.testing.recording import Recording
from onhook.testing.seen_call import CallNotAnswered, PhoneError, PhoneTimeout
from onhook.testing.streams import PhoneTls
from onhook.testing.tones import (
    Speech,
    find_tone,
    find_tones,
    silence,
    speech_like,
    tone,
    write_wav,
)

__all__ = [
    "ApiClient",
    "ApiReply",
    "ApiReplyError",
    "CallLeg",
    "CallNotAnswered",
    "Challenge",
    "Ended",
    "Event",
    "How",
    "IncomingPhoneCall",
    "Network",
    "Notification",
    "Phone",
    "PhoneCall",
    "PhoneError",
    "PhoneTimeout",
    "PhoneTls",
    "Receiver",
    "Recording",
    "Reply",
    "SeenMessage",
    "Speech",
    "Then",
    "VirtualClock",
    "VirtualHandle",
    "find_tone",
    "find_tones",
    "silence",
    "speech_like",
    "tone",
    "write_wav",
]
