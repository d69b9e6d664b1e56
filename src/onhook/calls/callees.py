"""Who may be called, through which trunks, and whom the callee sees (reference, section 4).

====================================  ==================================================================
``error_not_allowed_for_trial``       an account on trial calls its registered number only
``error_call_service_not_available``  there is no trunk at all
``error_dest_not_supported``          no trunk has a prefix of the number
``error_caller_id_invalid``           neither a number of the account, nor its registered number, nor
                                      ``private``; for a call that is passed on, nor its caller's number
====================================  ==================================================================

Of ``voice/call`` the third is named after its parameters, ``error_dest2_not_supported``.

Without a caller id, the callee sees the registered number of the account. An account that has none shows
what the operator gave the trunk, else the first of its own numbers, else nothing. ``private`` tells the
trunk the same number, and asks it to keep it from the callee.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from onhook.blocks import Refused, destination
from onhook.blocks.destination import PRIVATE
from onhook.blocks.request import SipHeaders
from onhook.calls.directory import Directory
from onhook.calls.trunks import WayOut, leading_to
from onhook.numbers import E164
from onhook.phone.trunk import ShownCaller, Trunk
from onhook.store import Account

_DETAILS: Mapping[str, str] = {
    "error_not_allowed_for_trial": (
        "The account is on trial: until it is credited it calls its registered number only, and %s is "
        "another one."
    ),
    "error_call_service_not_available": (
        "No call can be made here: the operator has to add a trunk first, with 'onhook trunk add'."
    ),
    "error_dest_not_supported": (
        "No trunk of this server leads to the number in %s; its operator can add one for its prefix."
    ),
    "error_caller_id_invalid": (
        "caller_id is neither a number of this account, nor its registered number, nor private."
    ),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One trunk as a call takes it, and whom the callee sees if it does."""

    name: str
    trunk: Trunk
    caller: ShownCaller


@dataclass(frozen=True, slots=True)
class Callee:
    """Somebody who may be called: the number in E.164, and the trunks in the order of trial, one at
    the least."""

    number: E164
    routes: tuple[Route, ...]
    headers: SipHeaders = field(default=(), repr=False)
    """What its INVITE says besides."""

    @property
    def caller(self) -> ShownCaller:
        """Whom the callee sees, through the first of the trunks."""
        return self.routes[0].caller


class Callees:
    """Finds out whether, and how, somebody may be called."""

    def __init__(
        self,
        directory: Directory,
        service_route: Callable[[str], tuple[str, ...]] = lambda name: (),
    ) -> None:
        """`service_route` gives the way that the registrar of a trunk wants its calls to take (RFC 3608)."""
        self._directory = directory
        self._service_route = service_route

    async def find(
        self,
        account: Account,
        number: E164,
        caller_id: destination.CallerId | None = None,
        *,
        callers_own: str = "",
        shown: str = "",
        name: str = "dest",
    ) -> Callee:
        """The callee of a call that the account pays for.

        ``callers_own`` is the number of whoever is passed on, and may be shown as well. ``shown`` is
        the number that the callee sees whatever ``caller_id`` is. ``name`` is the parameter that
        ``number`` comes from, for what is said about it. Raises :class:`Refused`, and StoreError if
        the database cannot be read.
        """
        if account.trial and number != account.mobile_number:
            raise _refused("error_not_allowed_for_trial", name)
        leading = await self._leading_to(number, name)
        if shown:
            return Callee(number, _showing(shown, leading))
        routes = await self._routes(account, leading, caller_id, callers_own)
        return Callee(number, routes)

    async def _leading_to(self, number: E164, name: str) -> tuple[WayOut, ...]:
        """The trunks for a number. One that was added a moment ago is found if no other leads there."""
        ways = await self._directory.ways_out()
        if not leading_to(ways, number):
            ways = await self._directory.ways_out(anew=True)
        if not ways:
            raise _refused("error_call_service_not_available")
        leading = leading_to(ways, number)
        if not leading:
            raise _refused("error_dest_not_supported", name)
        return tuple(map(self._on_its_way, leading))

    def _on_its_way(self, way: WayOut) -> WayOut:
        route = self._service_route(way.name)
        return replace(way, trunk=replace(way.trunk, service_route=route)) if route else way

    async def _routes(
        self,
        account: Account,
        ways: tuple[WayOut, ...],
        caller_id: destination.CallerId | None,
        callers_own: str,
    ) -> tuple[Route, ...]:
        private = caller_id == PRIVATE
        if caller_id is not None and not private:
            await self._check(account, caller_id, callers_own)
            return _showing(caller_id, ways)
        fallback = ""
        if not account.mobile_number and not all(way.caller_id for way in ways):
            fallback = next(iter(await self._directory.numbers_of(account.account_id)), "")
        return tuple(
            Route(way.name, way.trunk, ShownCaller(number, private or not number))
            for way in ways
            for number in (account.mobile_number or way.caller_id or fallback,)
        )

    async def _check(self, account: Account, number: str, callers_own: str) -> None:
        """Refuses a number that the account may not show."""
        if number in (account.mobile_number, callers_own):
            return
        if number not in await self._directory.numbers_of(account.account_id):
            raise _refused("error_caller_id_invalid")


def _showing(number: str, ways: tuple[WayOut, ...]) -> tuple[Route, ...]:
    return tuple(Route(way.name, way.trunk, ShownCaller(number)) for way in ways)


def _refused(status: str, *values: str) -> Refused:
    """``values`` fill in the sentence; the first of them is the parameter that is at fault."""
    detail = _DETAILS[status] % values
    own = status.startswith("error_dest_") and values
    return Refused(status.replace("_dest_", f"_{values[0]}_") if own else status, detail)
