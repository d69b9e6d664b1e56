"""What is remembered of downloads, on disk."""

import sqlite3
from pathlib import Path

import pytest

from onhook.speech.downloads.copies import Copies, Copy

URL = "https://example.com/a.wav?token=secret"


@pytest.mark.parametrize(
    ("headers", "conditions"),
    [
        ({}, {}),
        ({"etag": '"1"'}, {"If-None-Match": '"1"'}),
        ({"last-modified": "Mon"}, {"If-Modified-Since": "Mon"}),
        (
            {"etag": 'W/"1"', "last-modified": "Mon"},
            {"If-None-Match": 'W/"1"', "If-Modified-Since": "Mon"},
        ),
        ({"etag": ""}, {}),
        ({"etag": "x" * 501}, {}),
        ({"etag": "a\r\nHost: b"}, {}),
        ({"last-modified": "\u00e9"}, {}),
    ],
)
def test_what_can_be_asked_with(headers: dict[str, str], conditions: dict[str, str]) -> None:
    assert Copy.of("d", headers, 0.0).conditions == conditions


def test_a_confirmation_keeps_what_it_does_not_renew() -> None:
    copy = Copy.of("d", {"etag": "1", "last-modified": "Mon"}, 5.0)
    assert copy.confirmed({"etag": "2"}, 9.0) == Copy("d", "2", "Mon", 9.0)
    there = Copy.of("d", {"etag": "1"}, 5.0, "there")
    assert there.confirmed({}, 9.0) == Copy("d", "1", None, 9.0, "there")


def test_it_survives_a_restart_and_holds_no_url(tmp_path: Path) -> None:
    path = tmp_path / "copies.db"
    copy = Copy("d1", '"1"', None, 12.5, "a hash")
    before = Copies(path)
    before.keep(URL, copy)
    before.close()
    after = Copies(path)
    assert after.find(URL) == copy
    assert after.find(URL, b"another recipe") is None
    assert after.find(URL + "x") is None
    after.keep(URL, Copy("d2", None, None, 13.0))
    assert after.find(URL) == Copy("d2", None, None, 13.0)
    after.forget(URL)
    assert after.find(URL) is None
    after.close()
    assert b"example" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"no database" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "copies.db"
    path.write_bytes(damage)
    copies = Copies(path)
    copies.keep(URL, Copy("d", None, None, 1.0))
    copies.close()
    again = Copies(path)
    assert again.find(URL) == Copy("d", None, None, 1.0)
    again.close()


def test_a_file_of_another_format_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "copies.db"
    other = sqlite3.connect(path)
    other.executescript("CREATE TABLE copies (x); PRAGMA user_version = 99;")
    other.close()
    copies = Copies(path)
    copies.keep(URL, Copy("d", None, None, 1.0))
    assert copies.find(URL) is not None
    copies.close()


def test_a_place_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    copies = Copies(tmp_path / "no such directory" / "copies.db")
    copies.keep(URL, Copy("d", None, None, 1.0))
    assert copies.find(URL) is not None
    copies.close()
    copies.keep(URL, Copy("d", None, None, 1.0))  # and once closed it does nothing, quietly
    assert copies.find(URL) is None


def test_those_confirmed_longest_ago_are_forgotten() -> None:
    copies = Copies(limit=10)
    for number in range(301):
        copies.keep(f"http://a/{number}", Copy("d", None, None, float(number)))
    kept = [number for number in range(301) if copies.find(f"http://a/{number}")]
    assert kept == list(range(291, 301))
    copies.close()
