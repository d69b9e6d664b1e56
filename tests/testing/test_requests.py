from onhook.testing import VirtualClock
from onhook.testing.requests import GIVE_UP_S, T2_S, Repeater


def run(cap_s: float) -> list[float]:
    clock, sent, ended = VirtualClock(), list[float](), list[float]()
    Repeater(
        clock, lambda: sent.append(clock.now()), lambda: ended.append(clock.now()), cap_s=cap_s
    )
    clock.advance(1000)
    assert ended == [32.0]
    assert clock.pending() == 0
    return sent


def test_an_invite_doubles_its_interval() -> None:
    assert run(GIVE_UP_S) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]  # RFC 3261 17.1.1.2


def test_other_requests_stay_at_t2() -> None:
    assert run(T2_S) == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]  # 17.1.2.2


def test_a_final_response_stops_everything() -> None:
    clock, sent = VirtualClock(), list[float]()
    repeater = Repeater(clock, lambda: sent.append(clock.now()), lambda: sent.append(-1))
    clock.advance(1)
    repeater.stop()
    clock.advance(100)
    assert sent == [0, 0.5]
    assert clock.pending() == 0


def test_a_provisional_response_slows_down() -> None:
    clock, sent = VirtualClock(), list[float]()
    repeater = Repeater(clock, lambda: sent.append(clock.now()), lambda: None, cap_s=T2_S)
    repeater.slow_down()
    clock.advance(9)
    assert sent == [0, 0.5, 4.5, 8.5]
