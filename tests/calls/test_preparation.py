"""What a request gets ready before it begins."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from onhook import urls
from onhook.blocks.hangup import HangupRequest
from onhook.calls.preparation import Preparation
from onhook.media import sounds
from onhook.message import Gender, Say


async def test_a_message_that_is_there_already_still_says_what_it_is_made_of() -> None:
    """The trace of a call tells it."""
    message = (Say("Good bye.", "en", Gender.FEMALE),)
    at_hand = SimpleNamespace(first=(sounds.beep(),), rest=None)
    renderer = SimpleNamespace(at_hand=lambda _: at_hand)
    reachability = SimpleNamespace(known=lambda _: True)
    preparation = Preparation(cast(Any, reachability), cast(Any, renderer), 1.0)
    request = HangupRequest(
        session="S", message=message, notify_url=urls.parse("http://127.0.0.1/")
    )
    never = asyncio.get_running_loop().create_future()
    prepared = await preparation.prepare(request, never)
    assert prepared.source == message
