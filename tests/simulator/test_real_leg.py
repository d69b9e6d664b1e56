"""Real phones hear what others say, however long a call takes."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from onhook.simulator import real_leg
from onhook.simulator.line import Line
from onhook.simulator.real_leg import RealLeg, Tones
from onhook.testing import g711
from onhook.testing.call_leg import CallLeg
from onhook.testing.g711 import Pcm
from onhook.testing.recording import Recording
from onhook.testing.rtp import RtpPacket
from onhook.testing.tones import find_tone, silence, tone

FRAME = 160


class Heard:
    """A call whose phone hears this, piece by piece."""

    def __init__(self) -> None:
        self.recording = Recording({0: "PCMU"})
        self._count = 0

    def hears(self, pcm: Pcm) -> None:
        code = g711.encode("PCMU", pcm)
        for at in range(0, len(code), FRAME):
            n, self._count = self._count, self._count + 1
            packet = RtpPacket(0, n, n * FRAME, 7, code[at : at + FRAME], at_s=n * 0.02)
            self.recording.add(packet)


def leg(name: str, number: int, call: Heard, tones: Tones) -> RealLeg:
    line = Line(number, name, lambda: 0.0, lambda *_: None)

    def does(work: Any) -> None:
        work.close()

    return RealLeg(line, cast(CallLeg, call), does, tones)


def test_what_is_said_late_in_a_long_call_is_heard_by_listening_to_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A phone that listens to all of a call again and again keeps every other from speaking."""
    looked: list[int] = []

    def looks(pcm: Pcm, hz: float, min_ms: float) -> object:
        looked.append(len(pcm))
        return find_tone(pcm, hz, min_ms=min_ms)

    monkeypatch.setattr(real_leg, "find_tone", looks)
    tones, call = Tones(), Heard()
    ann, ben = leg("Ann", 1, call, tones), leg("Ben", 2, Heard(), tones)
    legs = [ann, ben, cast(RealLeg, SimpleNamespace(line=SimpleNamespace(number=3), said=["No."]))]
    ben.said.append("Hello Ann.")
    for _ in range(40):
        call.hears(tone(500, 300))
        ann.listen(legs)
    assert ann.line.transcript.sounds == []
    call.hears(tone(tones.of("Hello Ann."), 200))  # half of it by now
    ann.listen(legs)
    call.hears(tone(tones.of("Hello Ann."), 200))
    call.hears(silence(200))
    ann.listen(legs)
    assert [str(one) for one in ann.line.transcript.sounds] == ['"Hello Ann."']
    ann.listen(legs)
    assert max(looked) < 2 * 8000
