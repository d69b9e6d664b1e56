"""``bench/voices_page.py``: from figures to the page."""

from bench.figures import Figures, spread
from bench.voices_page import page

FOUND: dict[str, Figures] = {
    "languages": {
        **spread("de, new", [100.0, 120.0, 300.0]),
        **spread("de, cached", [3.0]),
        **spread("nl, new", [40.0]),
        **spread("nl, cached", []),
        "failures": [],
    },
    "crowd": {**spread("20 different messages at once", [700.0]), "failures": []},
    "hostile": {
        "asked": 300,
        "answered": 299,
        "longest_s": 5.7,
        "deadline_s": 15.0,
        "Han: error_msg_cannot_convert_text": 23,
        "digits: success_ok": 24,
    },
    "pico": {
        "messages": 10_000,
        "message_ms": 12.3,
        "workers_before_mb": 18.4,
        "workers_after_mb": 19.2,
    },
}


def test_the_page_has_each_language_and_each_part() -> None:
    text = page(FOUND, ["de", "nl"], "One run.")
    for line in (
        "One run.",
        "| de | 120 / 300 ms | 3 / 3 ms |",
        "| nl | 40 / 40 ms | - / - ms |",
        "20 different messages at once, each in a language of its own: 700 / 700 ms (p50 / p99).",
        "299 of 300 texts of up to 1,000 characters were answered, after 5.7 s at most; "
        "a request may take 15 s.",
        "| Han | `error_msg_cannot_convert_text` | 23 |",
        "18.4 MB after 100 messages, 19.2 MB after 10,000 (of both), 12.3 ms a message.",
    ):
        assert line in text.splitlines()
