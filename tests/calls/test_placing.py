"""What is got ready for a call that an application asks for is given back if there is no call."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from onhook.blocks import Refused
from onhook.blocks.call import CallRequest
from onhook.blocks.conference import ConferenceRequest
from onhook.blocks.dial import DialRequest
from onhook.calls.callees import Callee, Route
from onhook.calls.concurrency import CallsInProgress
from onhook.calls.placing import Placing
from onhook.calls.register import CallRegister
from onhook.calls.resources import Resources
from onhook.calls.rooms import Rooms
from onhook.calls.speaking import PreparedMessage
from onhook.numbers import E164
from onhook.phone import ShownCaller, Trunk
from onhook.store import Account

ACCOUNT = Account("main", "main", "AA", "SGD", 1)
ONE, TWO = E164("+6591112222"), E164("+6593334444")
BOTH = CallRequest(dest1=ONE, dest2=TWO)


class Rest:
    """The part of a message that is still being made."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Exchange:
    """Placing, where ``refused`` are the numbers that cannot be called."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.rest = Rest()
        self.places = CallsInProgress(1)
        self.rooms = Rooms(cast(Any, None))
        services = SimpleNamespace(
            rooms=self.rooms,
            in_progress=self.places,
            directory=SimpleNamespace(account_of=self.account_of),
        )
        self.placing = Placing(
            cast(Any, services),
            cast(Any, SimpleNamespace(prepare=self.prepare)),
            cast(Any, SimpleNamespace(find=self.find)),
            CallRegister(),
        )

    async def account_of(self, _: str) -> Account:
        return ACCOUNT

    async def prepare(self, *_: object) -> PreparedMessage:
        return PreparedMessage((), cast(Any, self.rest))

    async def find(self, _: Account, dest: E164, *__: object, **___: object) -> Callee:
        await asyncio.sleep(0)
        if dest in self.refused:
            raise Refused("error_dest_not_supported")
        return Callee(dest, (Route("trunk", Trunk("127.0.0.1", 5060), ShownCaller("")),))


@pytest.mark.parametrize("refused", [ONE, TWO])
async def test_the_message_of_a_call_of_two_numbers(refused: str) -> None:
    exchange = Exchange(refused)
    with pytest.raises(Refused):
        await exchange.placing.call("A", BOTH, 0.0)
    assert exchange.rest.closed


async def test_the_message_of_a_dial() -> None:
    exchange = Exchange(ONE)
    with pytest.raises(Refused):
        await exchange.placing.dial("A", DialRequest(dest=ONE, ring_time=60), 0.0)
    assert exchange.rest.closed


async def test_the_message_and_the_seat_of_a_conference() -> None:
    exchange = Exchange(ONE)
    with pytest.raises(Refused):
        await exchange.placing.conference("A", ConferenceRequest(dest=(ONE,), room="R"), 0.0)
    assert exchange.rest.closed
    exchange.rooms.seat("A", "R", most=1)


async def test_all_of_it_if_the_account_has_as_many_calls_as_it_may() -> None:
    exchange = Exchange()
    exchange.places.came_in("main")
    with pytest.raises(Refused, match="error_concurrent_call_limit_reached"):
        await exchange.placing.call("A", BOTH, 0.0)
    assert exchange.rest.closed


def test_what_is_held_until_the_end_of_a_call_holds_no_prompts() -> None:
    resources = Resources(message=PreparedMessage((cast(Any, "a prompt"),)))
    resources.release()
    assert not resources.message.first
    resources.release()
