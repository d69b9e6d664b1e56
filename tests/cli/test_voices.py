"""``onhook voices`` and ``onhook say``."""

import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import structlog
from typer.testing import CliRunner

from onhook.cli.main import app

RUN = CliRunner()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """The command silences the log of its process, which here is that of all tests."""
    yield
    structlog.reset_defaults()


def test_the_voices_are_listed() -> None:
    rows = json.loads(RUN.invoke(app, ["voices", "--json"]).stdout)
    understood = rows[0].pop("errors")
    assert 0 <= understood < 0.15
    assert rows[0] == {
        "language": "en-US",
        "gender": "female",
        "engine": "hibari",
        "quality": "neural",
        "understood": True,
        "licence": "Apache-2.0",
    }
    assert all("GPL-3.0-or-later" in row["licence"] for row in rows if row["engine"] == "espeak")
    assert {(row["language"], row["gender"]) for row in rows} >= {
        ("en-US", "male"),
        ("zh-HK", "female"),
        ("zh-HK", "male"),
    }
    errors = {(row["language"], row["engine"]): row.get("errors") for row in rows}
    assert errors["de", "pico"] < errors["nl", "espeak"]
    assert errors["hi", "espeak"] is None  # the recogniser does not know the language well enough
    table = RUN.invoke(app, ["voices"]).stdout.partition("\n\n")[0]
    assert len(table.splitlines()) == len(rows) + 1


def test_who_is_not_understood_is_named_and_still_speaks(tmp_path: Path) -> None:
    rows = json.loads(RUN.invoke(app, ["voices", "--json"]).stdout)
    poor = [row for row in rows if row["understood"] is False]
    assert "ru" in {row["language"] for row in poor}  # by the committed figures
    assert all(row["errors"] > 0.95 for row in poor)
    assert {row["understood"] for row in rows if row["language"] == "hi"} == {None}
    told = RUN.invoke(app, ["voices"]).stdout.partition("\n\n")[2]
    for row in poor:
        assert f"{row['language']} {row['gender']}" in told
    said = RUN.invoke(app, ["say", "Добрый день", "--language", "ru", str(tmp_path / "out.wav")])
    assert said.exit_code == 0, said.output


def test_a_text_is_spoken_into_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    said = RUN.invoke(
        app, ["say", "唔該你等一陣", "--language", "zh-HK", "--gender", "male", str(out)]
    )
    assert said.exit_code == 0, said.output
    assert "zh-HK, male" in said.stdout
    with wave.open(str(out)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 0.5 < len(samples) / 8000 < 5
    assert np.abs(samples.astype(np.int32)).max() > 2000


def test_what_cannot_be_said_is_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    refused = RUN.invoke(app, ["say", "hello", str(out), "--language", "th"])
    assert refused.exit_code == 1
    assert "error_msg_invalid_language" in refused.stderr
    assert not out.exists()
    nowhere = tmp_path / "missing" / "out.wav"
    refused = RUN.invoke(app, ["say", "bonjour", str(nowhere), "--language", "fr"])
    assert refused.exit_code == 1
    assert "cannot be written" in refused.stderr


def test_a_directory_of_voices_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    refused = RUN.invoke(app, ["voices", "--voices-dir", str(tmp_path / "nowhere")])
    assert refused.exit_code == 1
    assert "nowhere cannot be read" in refused.stderr


def test_a_voice_of_the_directory_that_cannot_be_used_is_told_beside_the_list(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"")
    listed = RUN.invoke(app, ["voices", "--json", "--voices-dir", str(tmp_path)])
    assert json.loads(listed.stdout)
    assert "voice_left_out" in listed.stderr
    assert "broken" in listed.stderr
