"""A softphone that other people wrote, on a call whose server loses its switch three times: what it heard, by
its own recording, and what was recorded of it.
"""

import asyncio
from dataclasses import replace

from acceptance.files import FileServer, wav
from acceptance.harness import Customer
from acceptance.softphone_calls import PATIENCE_S, SAID_HZ, begin, converse
from acceptance.softphones import Softphone
from acceptance.verdicts import Verdict
from onhook.testing.g711 import Pcm
from onhook.testing.tones import find_tones, tone

KILLS = 3
TONE_S = 14.0
BETWEEN_S = 2.0
"""From one kill to the next, after a while in which it listens."""
BEGINNING_MS = 100
"""What a softphone may leave out of the beginning, until there is enough in its buffer."""
WHOLE = "heard without a hole"


async def through_kills(customer: Customer, softphone: Softphone, role: str, host: str) -> Verdict:
    """A tone that is heard through three kills; then a key, a recording, and a message to the end."""
    async with FileServer(host) as files:
        session = await begin(customer, softphone, role)
        url = files.serve("tone.wav", wav(tone(SAID_HZ, TONE_S * 1000)))
        await customer.block("middle/play", session, msg=f"<url>{url}</url>")
        for _ in range(KILLS):
            await asyncio.sleep(BETWEEN_S)
            await customer.server.kill_role("switch")
        await customer.receiver.next(PATIENCE_S + TONE_S, ivr_block="play")
        verdict = await converse(customer, softphone, session, role)
    heard = softphone.heard()
    return replace(
        verdict,
        wanted=frozenset({WHOLE}),
        happened=verdict.happened | _what_was_heard(*heard),
    )


def _what_was_heard(pcm: Pcm, rate: int) -> frozenset[str]:
    """Whether a tone is there in one piece; a packet that is missing anywhere leaves two."""
    stretches = find_tones(pcm, SAID_HZ, rate)
    sounding_ms = sum(end - start for start, end in stretches)
    missing_ms = TONE_S * 1000 - sounding_ms
    if len(stretches) == 1 and missing_ms < BEGINNING_MS:
        return frozenset({WHOLE})
    print(f"heard in {len(stretches)} pieces, {missing_ms:.0f} ms are missing")
    return frozenset()
