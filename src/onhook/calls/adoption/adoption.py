"""The calls of the switch before this one, taken over: each goes on, or is left to be settled.

::

    the plane is attached, and tells nothing; the sockets are there, and not read
    Adoption.run()     each call: its record, what the plane has of it, its leg; in memory it is as before
    settle()           those that nobody can go on with (calls.recovery)
    Adoption.let_go()  what nobody took over in the plane ends; recordings are finished
    the plane tells, the sockets are read

It can be killed at any moment and begun anew: it ends nothing, and what it writes says the same of a call as
what was written before.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import Final, Protocol

import structlog

from onhook import at_hand
from onhook.call import State
from onhook.calls import clock, dialogs, going_on, kept_resources
from onhook.calls.adoption.nobody import Nobody
from onhook.calls.call_media import LeftAudio
from onhook.calls.credit import Meter
from onhook.calls.dialogs import OpenDialog
from onhook.calls.first_leg import FirstLeg, IncomingLeg
from onhook.calls.going_on import KeptCall, KeptLeg, NotAdoptable
from onhook.calls.kept_resources import Find, message_of
from onhook.calls.leg_recordings import Spools
from onhook.calls.live_call import LiveCall
from onhook.calls.outbound import KeptOutbound, OutboundLeg
from onhook.calls.playing import tag_of
from onhook.calls.poisonous import ADOPTED
from onhook.calls.register import CallRegister
from onhook.calls.resources import Resources
from onhook.calls.rooms import Seat
from onhook.calls.services import CallServices
from onhook.calls.taken_over import LeftBehind
from onhook.media.errors import NoPortLeft
from onhook.media.found import FoundStream
from onhook.media.g711 import Codec
from onhook.media.remains import NOTHING_LEFT, LeftDigit, Remains
from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.incoming import IncomingCall
from onhook.phone.kept.outside import outside
from onhook.phone.lifecycle import CallListener, OutgoingListener
from onhook.phone.outgoing import OutgoingCall
from onhook.phone.trunk import Trunk
from onhook.store import CallRecord

log = structlog.get_logger()

_OVER = frozenset((State.CLOSING.value, State.ENDED.value))
_CLOSED_S: Final = 2.0
_AGAIN_S: Final = 0.02


class Phone(Protocol):
    """Goes on with legs (phone.SipEndpoint)."""

    def adopt(
        self,
        kept: Mapping[str, object],
        listener: CallListener | OutgoingListener,
        trunk: Trunk | None = None,
    ) -> IncomingCall | OutgoingCall:
        """Takes over a leg. Raises ValueError."""

    def hangup_orphan(
        self,
        record: DialogRecord,
        on_done: Callable[[SipCause], None],
        trunk: Trunk | None = None,
    ) -> None:
        """Ends a call of which nothing else is left."""


class Adoption:
    """Takes over calls, once, at the start of a switch. ``find`` opens prompts by their digests."""

    def __init__(
        self,
        services: CallServices,
        register: CallRegister,
        phone: Phone,
        find: Find,
        remains: Mapping[int, Remains] = NOTHING_LEFT,
        *,
        only_there: bool = False,
    ) -> None:
        """``remains`` are the last media planes, by their processes, also those that are dead. With
        ``only_there`` calls of these are left to another."""
        self._only_there = only_there
        self._services = services
        self._register = register
        self._phone = phone
        self._find = find
        self._trunks: Mapping[str, Trunk] = {}
        self._remains = remains
        self._all_found: Mapping[int, FoundStream] = {}
        self._found_in = 0
        self._taken: set[int] = set()
        """The ports of streams that are gone on with."""
        self._sessions: set[str] = set()
        self._dropped: list[OpenDialog] = []
        """Peers of calls that go on, which had been given up, and may not have heard of it."""

    @property
    def goes_on(self) -> bool:
        """Whether any of the calls that were taken over has not come to its end."""
        return any(self._register.of_session(each) is not None for each in self._sessions)

    async def run(self, records: Sequence[CallRecord], beyond: int = 0) -> Sequence[CallRecord]:
        """Goes on with each of these calls that can be gone on with; returns the others. What a new plane
        tells has numbers ``beyond`` this one.

        Raises :class:`onhook.store.StoreError` if the database cannot be read.
        """
        left = [record for record in records if self._goes_on(record)]
        self._count_on(left, beyond)
        if not left:
            return records
        ways = await self._services.directory.ways_out()
        self._trunks = {way.name: way.trunk for way in ways}
        # Who was to come into a room and had not yet finds the one that the others are in.
        left.sort(key=self._sits, reverse=True)
        for record in left:
            if await self._tried(record):
                self._sessions.add(record.session)
        log.info("calls_adopted", count=len(self._sessions))
        return [record for record in records if record.session not in self._sessions]

    def _goes_on(self, record: CallRecord) -> bool:
        """Whether it is of the boot and of the supervisor of now, which knows its media plane: otherwise
        everything died with its switch, and nothing is gone on with; nor with one whose events switches died
        of."""
        plane = record.going_on.values.get("plane")
        return (
            record.state not in _OVER
            and record.session not in at_hand.suspects()
            and record.boot_id == clock.boot_id()
            and isinstance(plane, int)
            and (
                plane == self._services.plane.last_pid
                or (plane in self._remains and not self._only_there)
            )
        )

    def _count_on(self, records: Sequence[CallRecord], beyond: int) -> None:
        """What another media plane tells has higher numbers than what is in the records already."""
        plane = self._services.plane
        others = (each for each in records if each.going_on.values.get("plane") != plane.last_pid)
        told = max(map(told_up_to, others), default=0)
        before = [remains.newest for pid, remains in self._remains.items() if pid != plane.last_pid]
        if (told or beyond) and plane.running:
            plane.count_on_from(max([told, beyond, *before]))

    def _found(self) -> Mapping[int, FoundStream]:
        """What the media plane has that nobody has taken over, as it is now; it may be another meanwhile."""
        plane = self._services.plane
        if not plane.running:
            return {}
        if self._found_in != plane.last_pid:
            self._all_found, self._found_in = plane.found(), plane.last_pid
        return self._all_found

    def _sits(self, record: CallRecord) -> bool:
        """Whether the plane has it in a room."""
        legs = record.going_on.values.get("legs")
        for leg in legs if isinstance(legs, list) else ():
            found = self._found().get(leg["port"]) if isinstance(leg, dict) else None
            if found is not None and found.room is not None:
                return True
        return False

    async def _tried(self, record: CallRecord) -> bool:
        try:
            with at_hand.during(record.session, ADOPTED):
                kept = going_on.read(record.going_on, self._services.sealing)
                if kept.call.session != record.session:
                    raise NotAdoptable("its record is that of another call")
                meter = await self._services.pricing.meter_of(record)
                with ExitStack() as held:
                    held.callback(meter.release)
                    await self._with_ports(lambda: self._adopt(record, kept, meter, held))
        except NotAdoptable as error:
            log.warning("call_not_adopted", session=record.session, reason=str(error))
        except Exception:  # whatever it is, the others go on
            log.exception("call_not_adopted", session=record.session, reason="it failed")
        else:
            return True
        return False

    async def _with_ports(self, adopt: Callable[[], None]) -> None:
        """The kernel closes the sockets of a process that was killed, but those that are at work a moment
        later."""
        until_s = clock.now_s() + _CLOSED_S
        while True:
            try:
                adopt()
            except NoPortLeft as error:
                if clock.now_s() > until_s:
                    raise NotAdoptable(f"the port of its audio cannot be had: {error}") from error
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    def _adopt(self, record: CallRecord, kept: KeptCall, meter: Meter, held: ExitStack) -> None:
        """All of it in one turn, in which the media plane stays the same. Raises NoPortLeft."""
        dropped = _dropped(record, kept)
        with ExitStack() as ports:
            left = self._left_of(kept, ports)
            held.callback(ports.pop_all().close)
        held.callback(self._services.in_progress.came_in(record.account_id).release)
        if "room" in kept.request:
            held.callback(self._seat(record, kept, left.resources).leave)
        leg = self._leg(kept)
        try:
            live = LiveCall(record, kept.call, leg, self._services, meter)
        except BaseException:
            leg.hangup(None)
            raise
        live.take_over(kept, left, held)
        self._register.add(live)
        self._taken.update(leg.port for leg in kept.legs)
        self._dropped += dropped

    def _left_of(self, kept: KeptCall, ports: ExitStack) -> LeftBehind:
        playing = kept.first.playing
        try:
            resources = kept_resources.restored(kept.request, self._find, self._trunks)
            looped = message_of(playing.message if playing is not None else (), self._find)
            peer_leg = None
            if kept.peer is not None:
                peer_leg = KeptOutbound.read(kept.peer.kept, self._trunks)
        except (KeyError, TypeError, ValueError) as error:
            raise NotAdoptable(f"what it needs cannot be had: {error}") from error
        return LeftBehind(
            self._audio(kept.first, kept.plane, ports, told_until=kept.event),
            self._audio(kept.peer, kept.plane, ports) if kept.peer is not None else LeftAudio(),
            peer_leg,
            resources,
            looped,
        )

    def _audio(
        self, leg: KeptLeg, plane: int, ports: ExitStack, told_until: int | None = None
    ) -> LeftAudio:
        """What there is of the audio of a leg. Of an answer in the very instant the plane may have it before
        the record does. Keys of the dead plane beyond ``told_until`` are owed to whoever listens. Raises
        NoPortLeft."""
        found, remains = self._found().get(leg.port), self._remains.get(plane)
        reached = None
        if remains is not None and (found is None or plane != self._services.plane.last_pid):
            reached = remains.of(leg.audio.handle)
        before = self._before(leg, plane)
        owed = () if told_until is None else self._digits(before, told_until)
        if found is not None or not leg.port:
            return LeftAudio(found, None, reached, 0, before, owed)
        port = self._services.plane.reserve(leg.port)
        ports.callback(port.release)
        last_play = max(0, leg.playing.id - 1) if leg.playing is not None else 0
        return LeftAudio(None, port, reached, last_play, before, owed)

    def _before(self, leg: KeptLeg, plane: int) -> tuple[tuple[int, int], ...]:
        """The planes that are gone in which it was, as far as they are remembered."""
        last = ((plane, leg.audio.handle),) if plane != self._services.plane.last_pid else ()
        return tuple(one for one in (*leg.audio.before, *last) if one[0] in self._remains)

    def _digits(self, before: Sequence[tuple[int, int]], told_until: int) -> Sequence[LeftDigit]:
        return [
            digit
            for plane, handle in before
            for digit in self._remains[plane].digits(handle, told_until)
        ]

    def _leg(self, kept: KeptCall) -> FirstLeg:
        services, leg = self._services, kept.first.kept
        if kept.call.outgoing:
            return OutboundLeg.adopted(services.outbound, KeptOutbound.read(leg, self._trunks))
        trunk = self._trunks.get(outside(leg["phone"]).trunk)
        call = self._phone.adopt(leg["phone"], Nobody(), trunk)
        if not isinstance(call, IncomingCall):
            raise NotAdoptable("its phone was called by us")
        anywhere = bool(leg["anywhere"])
        return IncomingLeg(call, services.local_ip, audio_from_anywhere=anywhere)

    def _seat(self, record: CallRecord, kept: KeptCall, resources: Resources) -> Seat:
        room, muted = str(kept.request["room"]), bool(kept.request.get("muted"))
        resources.seat = seat = self._services.rooms.seat(record.app_id, room)
        if muted:
            seat.mute(True)
        return seat

    def end_dropped(self) -> None:
        """Peers that calls which go on have no more get their BYE or CANCEL once more. The sockets are
        read."""
        for one in self._dropped:
            self._phone.hangup_orphan(one.record, lambda _: None, self._trunks.get(one.trunk))
        self._dropped.clear()

    # What is left -------------------------------------------------------------------------------

    def let_go(self, recordings: Spools) -> None:
        """Ends what nobody took over in the plane. What was recorded of it is finished when its last sample
        is written."""
        plane = self._services.plane
        if not plane.running:
            return
        names = {tag_of(name): name for name in recordings.spooled()}
        for port, found in plane.found().items():
            known = [names[tag] for tag in found.recordings if tag in names]
            if known and port not in self._taken:
                try:
                    self._end(found, known, recordings)
                except Exception as error:  # noqa: BLE001  # whatever it is: it ends with the rest
                    log.error("recording_not_taken_over", reason=_reason(error))
        plane.let_go_of_rest()

    def _end(self, found: FoundStream, names: Sequence[str], recordings: Spools) -> None:
        stream = self._services.plane.adopt(
            found, codec=Codec.PCMU, dtmf_payload_type=None, listener=Nobody()
        )
        with closing(stream):
            for name in names:
                stream.adopt_recording(tag_of(name), partial(recordings.finish, name))
                recordings.go_on(name)


def told_up_to(record: CallRecord) -> int:
    """The number up to which a record has what its media plane told."""
    event = record.going_on.values.get("event")
    return event if isinstance(event, int) else 0


def _reason(error: Exception) -> str:
    """Not all that it says: the path of a recording's file is as secret as its link."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _dropped(record: CallRecord, kept: KeptCall) -> Sequence[OpenDialog]:
    """The dialogs that the call has not any more, and that were still to be ended."""
    try:
        return dialogs.read(record.dialog)[len(kept.legs) :]
    except ValueError as error:
        raise NotAdoptable("its dialogs cannot be read") from error
