"""The works of the blocks: what each does while it runs, one module a block. Pure.

:func:`job_of` makes the work of a request, and what else the state machine has to know of it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from onhook.blocks import REQUESTS, BlockRequest, block_of
from onhook.blocks.call import CallRequest, HangUpCallRequest
from onhook.blocks.conference import ConferenceRequest, ModerateRequest, VoiceConferenceRequest
from onhook.blocks.dial import DialRequest
from onhook.blocks.gather import GatherRequest
from onhook.blocks.hangup import HangupRequest
from onhook.blocks.hold import HoldRequest, UnholdRequest
from onhook.blocks.monitor import MonitorRequest
from onhook.blocks.play import PlayRequest
from onhook.blocks.record import RecordRequest
from onhook.blocks.send_digits import SendDigitsRequest
from onhook.blocks.transfer import TransferRequest
from onhook.call.work import Job, Work
from onhook.call.works import transfer
from onhook.call.works.gather import Gathering
from onhook.call.works.hangup import HangingUp, Leaving
from onhook.call.works.hold import Holding, Unholding
from onhook.call.works.monitor import Monitoring
from onhook.call.works.play import Saying
from onhook.call.works.record import Recording, RecordingSettings
from onhook.call.works.send_digits import SendingDigits
from onhook.call.works.transfer import Meeting, Transferring
from onhook.registry import complete

Request = TypeVar("Request", bound=BlockRequest)
_Make: TypeAlias = Callable[[Any, RecordingSettings], Work]


def _for(
    request: type[Request], make: Callable[[Request, RecordingSettings], Work]
) -> tuple[type[BlockRequest], _Make]:
    return request, make


AT_ONCE = frozenset({ModerateRequest})
"""Requests that are done when they are accepted: they never run, so they have no work."""

WORKS: Mapping[type[BlockRequest], _Make] = complete(
    "work",
    (request for request in REQUESTS if request not in AT_ONCE),
    dict(
        (
            _for(DialRequest, lambda _, __: Saying(fields=(("dial_status", "answered"),))),
            _for(PlayRequest, lambda _, __: Saying()),
            _for(GatherRequest, lambda request, _: Gathering.of(request)),
            _for(SendDigitsRequest, lambda request, _: SendingDigits.of(request)),
            _for(RecordRequest, Recording.of),
            _for(MonitorRequest, Monitoring.of),
            _for(HoldRequest, lambda _, __: Holding()),
            _for(UnholdRequest, lambda _, __: Unholding()),
            _for(TransferRequest, lambda request, _: transfer.transfer(request)),
            _for(HangupRequest, lambda _, __: HangingUp()),
            _for(CallRequest, lambda request, _: transfer.call(request)),
            _for(HangUpCallRequest, lambda _, __: Leaving()),
            _for(ConferenceRequest, lambda request, _: transfer.conference(request)),
            _for(VoiceConferenceRequest, lambda request, _: transfer.conference(request)),
        )
    ),
)
"""What makes the work of each request."""


def job_of(request: BlockRequest, request_id: int, settings: RecordingSettings) -> Job:
    """The request as the state machine sees it. ``request_id`` tells those of one call apart."""
    block = block_of(request)
    return Job(
        request_id=request_id,
        block=block.name,
        work=WORKS[type(request)](request, settings),
        notify_url=request.notify_url,
        tag=request.tag,
        speaks=request.message is not None,
        hangs_up=block.hangs_up,
        force=request.force,
        reject=request.reject,
        sip_headers=request.sip_headers,
        operator=request.operator,
    )


__all__ = [
    "WORKS",
    "Gathering",
    "HangingUp",
    "Holding",
    "Leaving",
    "Meeting",
    "Monitoring",
    "Recording",
    "RecordingSettings",
    "Saying",
    "SendingDigits",
    "Transferring",
    "Unholding",
    "job_of",
]
