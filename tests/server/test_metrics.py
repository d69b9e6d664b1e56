"""What /metrics says, as text."""

from onhook.server.metrics import Metrics


def test_figures_of_the_media_plane_are_read_when_they_are_asked_for() -> None:
    metrics, figures = Metrics(), {"streams": 1.0}
    metrics.watch_media(lambda: figures)
    assert b"onhook_media_streams 1.0" in metrics.text()
    figures["streams"] = 2.0
    assert b"onhook_media_streams 2.0" in metrics.text()


def test_every_state_has_a_figure() -> None:
    metrics = Metrics()
    metrics.watch_calls(["ringing", "ended"], lambda: {"ringing": 3})
    text = metrics.text()
    assert b'onhook_calls{state="ringing"} 3.0' in text
    assert b'onhook_calls{state="ended"} 0.0' in text


def test_trunks_have_a_figure_for_each_outcome() -> None:
    metrics = Metrics()
    metrics.watch_trunks(lambda: {("carrier", "taken"): 2, ("spare", "failed"): 1})
    text = metrics.text()
    assert b'onhook_trunk_calls_total{outcome="taken",trunk="carrier"} 2.0' in text
    assert b'onhook_trunk_calls_total{outcome="failed",trunk="spare"} 1.0' in text
