"""Where the kernel has no io_uring, or forbids it, packets leave one by one; nobody hears the difference."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from media.followed import Followed
from media.test_bridging import legs as legs
from media.test_bridging import open_leg as open_leg
from media.test_bridging import test_laws_are_translated as test_laws_are_translated
from media.test_bridging import (
    test_what_one_says_the_other_hears as test_what_one_says_the_other_hears,
)
from media.test_playing import (
    test_stop_cuts_all_that_is_queued as test_stop_cuts_all_that_is_queued,
)
from media.test_recording import talker as talker
from media.test_recording import tape as tape
from media.test_recording import test_both_sides as test_both_sides
from media.test_rooms import stack as stack
from media.test_rooms import (
    test_everybody_hears_exactly_the_others as test_everybody_hears_exactly_the_others,
)
from media.test_sending_digits import test_each_digit_is_an_event as test_each_digit_is_an_event
from media.test_srtp import keys as keys
from media.test_srtp import open_protected as open_protected
from media.test_srtp import test_what_is_received_is_decrypted as test_what_is_received_is_decrypted
from onhook.media import MediaPlane
from ports import free_ports


@pytest.fixture
async def plane() -> AsyncIterator[MediaPlane]:
    """The tests above know nothing of it."""
    plane = Followed(host="127.0.0.1", ports=free_ports(16), one_by_one=True)
    plane.start(asyncio.get_running_loop())
    yield plane
    assert plane.health().refused == 0
    plane.close()
