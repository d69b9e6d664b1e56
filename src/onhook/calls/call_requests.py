"""The requests of one call: each is admitted, prepared, paid for and answered."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from onhook import call as machine
from onhook.billing import Rate
from onhook.blocks import BlockRequest, Refused
from onhook.call import Job
from onhook.call.works import job_of
from onhook.calls import clock, kept_resources
from onhook.calls.credit import Meter
from onhook.calls.ongoing import OngoingCall
from onhook.calls.pending_request import PendingRequest
from onhook.calls.resources import Resources
from onhook.calls.rooms import Seat
from onhook.calls.services import CallServices


class CallRequests:
    """The requests that are under way, and that whose block runs. ``reserve_port`` gets a port for the
    audio of the call, or raises RuntimeError."""

    __slots__ = ("_by_id", "_call", "_last_id", "_meter", "_reserve_port", "_services")

    def __init__(
        self,
        call: OngoingCall,
        services: CallServices,
        meter: Meter,
        reserve_port: Callable[[], None],
    ) -> None:
        self._call = call
        self._services = services
        self._meter = meter
        self._reserve_port = reserve_port
        self._by_id: dict[int, PendingRequest] = {}
        self._last_id = 0

    async def run(self, request: BlockRequest, arrived_s: float) -> Mapping[str, object]:
        """Returns what joins the reply when the request may be answered with success_ok.

        Raises :class:`Refused`.
        """
        pending = self._admit(request, arrived_s)
        try:
            if not pending.answer.done():
                await self._prepare(pending)
            await pending.answer
            return pending.reply
        finally:
            self.drop_answered()
            del pending  # its error has this frame: they would refer to one another

    def place(self, pending: PendingRequest) -> None:
        """The request for the call itself, the first of a call that we place."""
        self._last_id = pending.job.request_id
        self._by_id[self._last_id] = pending

    def take_over(self, job: Job | None, last_id: int, resources: Resources) -> None:
        """The requests of an earlier process: that whose block is in progress, with what it needs, was
        answered.
        New ones have numbers beyond ``last_id``."""
        self._last_id = last_id
        if job is None:
            return
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(None)
        self._by_id[job.request_id] = PendingRequest(job, BlockRequest(), 0.0, answer, resources)

    def kick(self) -> None:
        """Puts the call out of its room. Raises :class:`Refused`."""
        self._seat().leave()
        self._call.feed(machine.Kicked(clock.now_s()))

    def mute(self, muted: bool) -> None:
        """Whether the others in its room hear it. Raises :class:`Refused`."""
        self._seat().mute(muted)
        self._call.note_audio()

    def of(self, request_id: int) -> PendingRequest:
        """The request that the state machine means."""
        return self._by_id[request_id]

    def resources_of(self, request_id: int) -> Resources:
        """What was got ready for its block."""
        return self._by_id[request_id].resources

    def kept(self) -> Mapping[str, object]:
        """What the block in progress needs, for a process after this one; nothing where there is none."""
        job = self._call.now.job
        pending = self._by_id.get(job.request_id) if job is not None else None
        return kept_resources.kept(pending.resources) if pending is not None else {}

    def kept_of(self, request_id: int) -> Resources:
        """The same, of a request that may be over: then there is nothing of it any more."""
        pending = self._by_id.get(request_id)
        return pending.resources if pending is not None else Resources()

    def measure(self, accepted: Sequence[PendingRequest]) -> None:
        """How long a forced Hangup took, its BYE or rejection having left in this very step.

        Before the ACK, the BYE has to wait for the caller (RFC 3261, 15): that time is not ours.
        """
        for pending in accepted:
            if pending.job.force and (self._call.now.acknowledged or not self._call.now.answered):
                self._services.metrics.forced_hangup(clock.now_s() - pending.arrived_s)

    def drop_answered(self) -> None:
        """Of the answered requests only those whose block is in progress, or loops, are still needed."""
        if not self._by_id:
            return
        job = self._call.now.job
        for request_id, pending in tuple(self._by_id.items()):
            if pending.answer.done() and (job is None or job.request_id != request_id):
                pending.resources.release()
                del self._by_id[request_id]

    def release(self) -> None:
        """The call is on its way out: no block needs anything any more."""
        for pending in self._by_id.values():
            pending.resources.release()

    def _seat(self) -> Seat:
        job = self._call.now.job
        pending = self._by_id.get(job.request_id) if job else None
        seat = pending.resources.seat if pending else None
        if seat is None or not seat.seated:
            raise Refused("error_not_in_conference")
        return seat

    def _admit(self, request: BlockRequest, arrived_s: float) -> PendingRequest:
        self._last_id += 1
        job = job_of(request, self._last_id, self._services.recording)
        answer = asyncio.get_running_loop().create_future()
        pending = PendingRequest(job, request, arrived_s, answer)
        self._by_id[job.request_id] = pending
        self._call.feed(machine.Requested(clock.now_s(), job))
        return pending

    async def _prepare(self, pending: PendingRequest) -> None:
        """Gets ready what the request needs, unless the call goes to its end meanwhile."""
        request_id = pending.job.request_id
        try:
            if pending.job.answers and not self._call.now.answered:
                self._reserve_port()  # better known before the answer than after
            pending.resources = await self._services.allocator.allocate(
                pending.request, self._call.record, pending.answer
            )
            pending.reply = pending.resources.reply
            if pending.resources.rate is not None:
                await self._afford(pending.resources, pending.resources.rate)
        except BaseException:
            # Whatever went wrong, the reservation must not outlive its request.
            self._call.feed(machine.PreparationFailed(clock.now_s(), request_id))
            pending.answer.cancel()  # whoever asked is told right here
            raise
        if not pending.answer.done():
            self._call.feed(machine.Prepared(clock.now_s(), request_id))

    async def _afford(self, resources: Resources, rate: Rate) -> None:
        """Whom the call is passed on to makes it dearer: the account must be able to pay for that."""
        if not await self._meter.reserve(rate):
            raise Refused("error_insufficient_credit")
        resources.on_release = self._meter.drop
