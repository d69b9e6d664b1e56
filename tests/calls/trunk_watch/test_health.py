"""What is known of a trunk, from what it answered and did not."""

from onhook.calls.trunk_watch.health import TrunkHealth


def test_nobody_knows_before_it_answered() -> None:
    for health in (TrunkHealth(), TrunkHealth(registers=True), TrunkHealth(pings=True)):
        assert health.up(100.0) is None


def test_it_is_up_while_its_registration_holds() -> None:
    health = TrunkHealth(registers=True).registered(100.0, 160.0, 0.02)
    assert [health.up(at_s) for at_s in (100.0, 159.9, 160.0)] == [True, True, False]
    failed = health.not_registered(130.0, 503, "trouble", 0.01)
    assert (failed.up(159.9), failed.up(160.0)) == (True, False)
    assert (failed.failures, failed.sip_code, failed.answered_s) == (1, 503, 130.0)
    mended = failed.registered(140.0, 200.0, 0.03)
    assert (mended.up(199.0), mended.failures, mended.sip_code, mended.hint) == (True, 0, 0, "")


def test_two_silences_and_it_is_down() -> None:
    health = TrunkHealth(pings=True).answered(100.0, 0.02)
    once = health.silent(0, "no answer")
    assert (once.up(101.0), once.silent(408, "behind it").up(102.0)) == (True, False)
    assert once.silent(0, "").answered(103.0, 0.01).up(103.0)


def test_an_answer_to_options_does_not_mend_a_registration() -> None:
    health = TrunkHealth(registers=True, pings=True).not_registered(100.0, 403, "refused", 0.02)
    answered = health.answered(101.0, 0.02)
    assert (answered.up(101.0), answered.sip_code, answered.hint) == (False, 403, "refused")
    assert answered.failures == 1


def test_one_that_is_not_asked_is_known_by_its_calls() -> None:
    health = TrunkHealth().answered(100.0)
    assert (health.up(100.0), health.round_trip_s, health.is_asked) == (True, 0.0, False)
    assert health.silent(0, "").up(101.0) is False
