"""What a request needs before its block may begin: URLs that answer, a message, whom to call, a seat."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from onhook.billing import LegsDiffer, Rate
from onhook.blocks import BlockRequest, Refused
from onhook.blocks.destination import RoomDestination
from onhook.blocks.transfer import TransferRequest
from onhook.calls import bills
from onhook.calls.callees import Callee, Callees
from onhook.calls.concurrency import CallsInProgress
from onhook.calls.directory import Directory
from onhook.calls.preparation import Preparation
from onhook.calls.pricing import Pricing
from onhook.calls.rooms import Rooms, Seat
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.store import CallRecord


@dataclass(slots=True)
class Resources:
    """What was got ready for a block. ``release()`` gives back what others could use."""

    message: PreparedMessage = NOTHING
    callee: Callee | None = None
    digits: str = ""
    """What is to be dialled once the callee has answered."""
    rate: Rate | None = None
    """What a minute of the call costs once the callee has answered."""
    seat: Seat | None = None
    on_release: Callable[[], None] | None = None
    """Gives back what was held of the account for it."""

    @property
    def room(self) -> str:
        """The name of the room in which it has a seat; empty without one."""
        return self.seat.name if self.seat is not None else ""

    @property
    def reply(self) -> Mapping[str, object]:
        """What joins the reply."""
        return {"room": self.seat.name} if self.seat is not None else {}

    def release(self) -> None:
        """The block did not begin, or is over."""
        self.message.close()
        self.message = NOTHING  # whoever holds this for longer need not hold the prompts
        if self.seat is not None:
            self.seat.leave()
        if self.on_release is not None:
            self.on_release()
            self.on_release = None


class Allocator:
    """Gets ready what requests of calls in progress need."""

    def __init__(
        self,
        preparation: Preparation,
        directory: Directory,
        callees: Callees,
        pricing: Pricing,
        rooms: Rooms,
        in_progress: CallsInProgress,
    ) -> None:
        self._preparation = preparation
        self._directory = directory
        self._callees = callees
        self._pricing = pricing
        self._rooms = rooms
        self._in_progress = in_progress

    async def allocate(
        self, request: BlockRequest, record: CallRecord, given_up: "asyncio.Future[None]"
    ) -> Resources:
        """What the request needs; of several failures the URL's and the message's decide.

        Returns early, with what there is, when ``given_up`` is done: then the call went to its end.
        Raises :class:`Refused`.
        """
        resources = Resources(message=await self._preparation.prepare(request, given_up))
        if isinstance(request, TransferRequest) and not given_up.done():
            try:
                await self._add(resources, request, record)
            except BaseException:
                resources.release()
                raise
        return resources

    async def _add(
        self, resources: Resources, request: TransferRequest, record: CallRecord
    ) -> None:
        dest = request.dest
        if isinstance(dest, RoomDestination):
            resources.seat = self._rooms.seat(record.app_id, dest.name)
            return
        account = await self._directory.account_of(record.app_id)
        resources.digits = dest.digits
        callee = await self._callees.find(
            account,
            dest.number,
            request.caller_id,
            callers_own=record.from_number if record.direction == "in" else "",
        )
        resources.callee = replace(callee, headers=request.sip_headers)
        self._in_progress.pass_on(record.account_id)
        resources.rate = await dearer(self._pricing, bills.rate_of(record), dest.number)


async def dearer(pricing: Pricing, rate: Rate, dest: str, name: str = "dest") -> Rate:
    """What a minute of a call of this rate costs once ``dest`` is joined to it, which the parameter ``name``
    gave. Raises :class:`Refused` where the two could not be billed as one."""
    try:
        return await pricing.with_leg(rate, dest)
    except LegsDiffer as error:
        detail = f"The number in {name} is charged in other steps than this call, so they cannot be joined."
        raise Refused(f"error_{name}_not_supported", detail) from error
