"""Puts together what owns calls: where they come in, where they are placed, and where requests find them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onhook.call import Event, Limits, Notification
from onhook.call.works import RecordingSettings
from onhook.calls.adoption.adoption import Adoption
from onhook.calls.arrivals import Arrivals
from onhook.calls.callees import Callees
from onhook.calls.charging import Charging
from onhook.calls.concurrency import CallsInProgress
from onhook.calls.credit import Credit
from onhook.calls.directory import Directory
from onhook.calls.journal import Journal
from onhook.calls.kept_resources import Find
from onhook.calls.outbound import Outbound
from onhook.calls.placing import Placing
from onhook.calls.preparation import Preparation
from onhook.calls.pricing import Pricing
from onhook.calls.recordings.store import RecordingStore
from onhook.calls.register import CallRegister
from onhook.calls.resources import Allocator
from onhook.calls.rooms import Rooms
from onhook.calls.sealing import Sealing
from onhook.calls.services import CallServices
from onhook.calls.switchboard import Switchboard
from onhook.calls.traces import Recorder
from onhook.calls.trunk_watch.watch import TrunkWatch
from onhook.media.plane import MediaPlane
from onhook.media.remains import Remains
from onhook.phone.endpoint import SipEndpoint
from onhook.server.metrics import Metrics
from onhook.store import Keyring, Store

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
    keyring: Keyring
    happened: Callable[[str, Event], None] | None
    """Is shown what happens to each call."""
    trace: Recorder | None
    """Is told what is heard in each."""


@dataclass(frozen=True, slots=True)
class CallControl:
    """What the process tells of calls and requests, and asks for the calls that there are."""

    register: CallRegister
    arrivals: Arrivals
    switchboard: Switchboard
    adoption: Callable[[Find, Mapping[int, Remains], MediaPlane], Adoption]
    """What takes over the calls of the switch before, whose prompts it opens by their digests, in a media
    plane; those that they had may be dead as well."""


def call_control(opened: Openings) -> CallControl:
    """The owners of calls of one process."""
    settings, directory, preparation = opened.settings, opened.directory, opened.preparation
    pricing = Pricing(directory, opened.charging, Credit(opened.store.money))
    in_progress = CallsInProgress(settings.max_calls)
    callees = Callees(directory, opened.watch.service_route)
    rooms = Rooms(opened.plane.open_room_for)
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
        sealing=Sealing(opened.keyring.encrypt, opened.keyring.decrypt),
        recording=RecordingSettings(opened.recordings.new, beep=settings.record_beep),
        local_ip=opened.endpoint.local_address_towards,
        audio_from_anywhere=settings.rtp_latching == "any",
        happened=opened.happened,
        trace=opened.trace,
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
        lambda find, remains, plane: Adoption(
            replace(services, plane=plane),
            register,
            opened.endpoint,
            find,
            remains,
            only_there=plane is not opened.plane,
        ),
    )


def _limits(settings: "Settings") -> Limits:
    return Limits(
        ringing_s=settings.ringing_s,
        idle_s=settings.idle_s,
        session_s=settings.session_s,
        settle_s=settings.settle_ms / 1000,
        reject_code=settings.reject_code,
    )
