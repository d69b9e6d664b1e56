"""Two phones at IPv6 addresses."""

from onhook.testing import Phone
from onhook.testing.tones import find_tone, tone


async def test_they_hear_each_other() -> None:
    async with Phone("+6591112222", host="::1") as callee, Phone(host="::1") as caller:
        call = await caller.call("+6591112222", server=callee.address)
        taken = await callee.incoming()
        await taken.answer()
        await call.answered()
        await taken.say(tone(440, 200))
        await call.send_digits("7")
        await call.hold(nowhere=True)
        assert b"c=IN IP6 ::\r\n" in taken.log.received("INVITE")[-1].message.body
        await call.hang_up()
        await taken.ended()
    assert find_tone(call.recording.pcm(), 440) is not None
    assert taken.recording.digits() == "7"
    assert call.audio.address[0] == "::1"
    assert not call.complaints
    assert not taken.complaints
