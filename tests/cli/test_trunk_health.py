"""How a trunk is shown, whoever wrote it down, and whenever."""

from dataclasses import replace

from onhook.cli.trunk_health import cells, rows, shown
from onhook.store.trunk_states import TrunkState

STATE = TrunkState("carrier", "main", True, 1_000_000, 940_000, 12_345)


def test_a_trunk_that_is_well() -> None:
    health = shown(STATE, 950_000)
    assert (health["up"], health["round_trip_ms"]) == (True, 12.3)
    assert cells(health) == ("up", "1970-01-01 00:16:40Z", "1970-01-01 00:15:40Z", "12.3 ms", "0")
    assert ("looked after by", "main") in rows(health)


def test_what_a_server_that_is_gone_wrote() -> None:
    assert shown(STATE, 1_000_001)["up"] is False
    pinged = replace(STATE, registered_until_ms=None)
    assert [shown(pinged, at, 30)["up"] for at in (1_060_000, 1_060_001)] == [True, None]
    assert shown(pinged, 9_999_999)["up"] is True


def test_a_trunk_that_is_down() -> None:
    down = replace(STATE, up=False, registered_until_ms=None, failures=2, sip_code=403, hint="No.")
    assert cells(shown(down, 950_000))[0] == "down (403)"
    assert cells(shown(replace(down, sip_code=0), 950_000))[0] == "down (no answer)"
    assert cells(shown(TrunkState("carrier", "main"), 0))[0] == "unknown"
    assert cells(None) == [""] * 5 and rows(None) == ()
