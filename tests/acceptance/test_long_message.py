"""A message that is longer than anybody would wait for in silence."""

import numpy as np

from acceptance.asking import OK
from acceptance.harness import Customer
from onhook.testing import g711
from onhook.testing.call_log import How

LONG = (
    "Thank you for calling the Riverside clinic. Our offices are closed at the moment. If this is "
    "an emergency, please hang up and dial nine one one. "
)


async def test_a_long_message_is_heard_whole_and_gapless(customer: Customer) -> None:
    """The first time while it is being spoken, the second time from the cache: the same is heard."""
    heard = []
    for _ in range(2):
        call, told = await customer.call()
        msg = f'<speech gender="male">{LONG}</speech>Good bye.'
        assert await customer.hangup(told["session"], msg=msg) == OK
        assert (await call.ended(timeout_s=30)).how is How.BYE_RECEIVED
        assert call.recording.lost == 0
        packets = [packet.payload for packet in call.recording.audio]
        heard.append(g711.decode("PCMU", b"".join(packets)).astype(np.float64))
    live, cached = heard
    assert len(live) / 8000 > 8
    assert len(live) == len(cached)
    assert np.corrcoef(live, cached)[0, 1] > 0.98
