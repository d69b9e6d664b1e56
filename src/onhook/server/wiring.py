"""Puts together what owns calls: where they come in, where they are placed, and where requests find them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onhook.call import Limits, Notification
from onhook.call.works import RecordingSettings
from onhook.calls.arrivals import Arrivals
from onhook.calls.callees import Callees
from onhook.calls.charging import Charging
from onhook.calls.concurrency import CallsInProgress
from onhook.calls.credit import Credit
from onhook.calls.directory import Directory
from onhook.calls.journal import Journal
from onhook.calls.outbound import Outbound
from onhook.calls.placing import Placing
from onhook.calls.preparation import Preparation
from onhook.calls.pricing import Pricing
from onhook.calls.recordings.store import RecordingStore
from onhook.calls.register import CallRegister
from onhook.calls.resources import Allocator
from onhook.calls.rooms import Rooms
from onhook.calls.services import CallServices
from onhook.calls.switchboard import Switchboard
from onhook.calls.trunk_watch.watch import TrunkWatch
from onhook.media.plane import MediaPlane
from onhook.phone.endpoint import SipEndpoint
from onhook.server.metrics import Metrics
from onhook.store import Store

if TYPE_CHECKING:
    from onhook.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Openings:
    """What a process has opened, for its calls."""

    settings: "Settings"
    metrics: Metrics
    store: Store
    journal: Journal
    directory: Directory
    charging: Charging
    preparation: Preparation
    recordings: RecordingStore
    plane: MediaPlane
    endpoint: SipEndpoint
    watch: TrunkWatch
    deliver: Callable[[Notification], None]


@dataclass(frozen=True, slots=True)
class CallControl:
    """What the process tells of calls and requests, and asks for the calls that there are."""

    register: CallRegister
    arrivals: Arrivals
    switchboard: Switchboard


def call_control(opened: Openings) -> CallControl:
    """The owners of calls of one process."""
    settings, directory, preparation = opened.settings, opened.directory, opened.preparation
    pricing = Pricing(directory, opened.charging, Credit(opened.store.money))
    in_progress = CallsInProgress(settings.max_calls)
    callees = Callees(directory, opened.watch.service_route)
    rooms = Rooms(opened.plane.open_room)
    outbound = Outbound(opened.endpoint, health=opened.watch)
    opened.metrics.watch_trunks(lambda: outbound.counters)
    opened.metrics.watch_trunk_health(opened.watch.figures)
    services = CallServices(
        worker=settings.worker,
        limits=_limits(settings),
        store=opened.store,
        directory=directory,
        in_progress=in_progress,
        journal=opened.journal,
        plane=opened.plane,
        allocator=Allocator(preparation, directory, callees, pricing, rooms, in_progress),
        metrics=opened.metrics,
        deliver=opened.deliver,
        pricing=pricing,
        outbound=outbound,
        rooms=rooms,
        spools=opened.recordings,
        recording=RecordingSettings(opened.recordings.new, beep=settings.record_beep),
        local_ip=opened.endpoint.local_address_towards,
        audio_from_anywhere=settings.rtp_latching == "any",
        silence_s=settings.silence_s,
    )
    register = CallRegister()
    return CallControl(
        register,
        Arrivals(
            services,
            register,
            settings.country,
            registered=opened.watch.registered,
            srtp=settings.srtp,
        ),
        Switchboard(services, register, Placing(services, preparation, callees, register)),
    )


def _limits(settings: "Settings") -> Limits:
    return Limits(
        ringing_s=settings.ringing_s,
        idle_s=settings.idle_s,
        session_s=settings.session_s,
        settle_s=settings.settle_ms / 1000,
        reject_code=settings.reject_code,
    )
