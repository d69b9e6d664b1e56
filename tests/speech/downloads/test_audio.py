"""Recordings as they come from editors, telephone systems, and people with bad intentions."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.speech.downloads import audio
from onhook.speech.downloads.kinds import FileKind, named_kind
from onhook.speech.errors import InvalidFileFormat, InvalidFileSize, RenderError
from onhook.speech.narrowband import Pcm
from onhook.speech.voices import Samples


def ends(rate_hz: int, seconds: float = 3.0) -> Samples:
    """A tone in the first and in the last 50 ms, silence between: what a careless player clips."""
    samples = np.zeros(round(rate_hz * seconds), np.float32)
    time_s = np.arange(round(rate_hz * 0.05)) / rate_hz
    tone = 0.5 * np.cos(2 * np.pi * 1000 * time_s)
    samples[: len(tone)] = tone
    samples[-len(tone) :] = tone[::-1]
    return samples


def written(
    samples: Samples,
    rate_hz: int,
    codec: str = "PCM_16",
    form: str = "WAV",
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form, subtype=codec)
    return file.getvalue()


def mp3(samples: Samples, rate_hz: int) -> bytes:
    return written(samples, rate_hz, "MPEG_LAYER_III", "MP3")


def raw_gsm(samples: Samples) -> bytes:
    return written(samples, 8_000, "GSM610", "RAW")


def wav_header(
    *, rate_hz: int = 8_000, channels: int = 1, codec: int = 1, bits: int = 16, data: int = 16_000
) -> bytes:
    block = channels * bits // 8
    form = struct.pack(
        "<4sIHHIIHH",
        b"fmt ",
        16,
        codec,
        channels,
        rate_hz,
        rate_hz * block % 2**32,
        block % 2**16,
        bits,
    )
    riff = struct.pack("<4sI4s", b"RIFF", (36 + data) % 2**32, b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", data)


def energy(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean((pcm.astype(np.float64) / 32768) ** 2)))


WAV_CODECS = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
WAV_CODECS += ["IMA_ADPCM", "MS_ADPCM", "GSM610"]


@pytest.mark.parametrize("codec", WAV_CODECS)
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_every_wav_is_heard_from_its_beginning_to_its_end(codec: str, rate_hz: int) -> None:
    samples = ends(rate_hz)
    pcm = audio.decode(written(samples, rate_hz, codec), FileKind.WAV)
    # Codecs with frames fill up the last one; none may be shorter than what was recorded.
    assert 24_000 - 1 <= len(pcm) <= 24_000 + 2100
    for tone in (pcm[:400], pcm[24_000 - 400 : 24_000]):
        # GSM, which predicts, needs a few milliseconds to be loud.
        assert energy(tone) == pytest.approx(0.3536, rel=0.25 if codec == "GSM610" else 0.1)
    assert energy(pcm[800:-2900]) < 0.01


@pytest.mark.parametrize("codec", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_a_wav_of_8000_hz_is_kept_to_the_sample(codec: str) -> None:
    wanted = np.random.default_rng(1).integers(-32768, 32768, 70_001).astype(np.int16)
    body = written((wanted / 32768).astype(np.float32), 8_000, codec)
    np.testing.assert_array_equal(audio.decode(body, FileKind.WAV), wanted)


@pytest.mark.parametrize("codec", ["ULAW", "ALAW"])
def test_g711_in_a_wav_is_kept_to_the_sample(codec: str) -> None:
    body = written(ends(8_000), 8_000, codec)
    wanted, _ = soundfile.read(io.BytesIO(body), dtype="int16")
    np.testing.assert_array_equal(audio.decode(body, FileKind.WAV), wanted)


def test_two_channels_are_mixed_down() -> None:
    left = ends(44_100)
    silent = np.zeros_like(left)
    one = audio.decode(written(left * 0.5, 44_100), FileKind.WAV)
    two = audio.decode(written(np.stack([left, silent], axis=1), 44_100), FileKind.WAV)
    np.testing.assert_allclose(two, one, atol=2)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_an_mp3_is_heard_from_its_beginning_to_its_end(rate_hz: int) -> None:
    pcm = audio.decode(mp3(ends(rate_hz), rate_hz), FileKind.MP3)
    assert 24_000 - 2 <= len(pcm) <= 24_000 + 1200
    for tone in (pcm[:400], pcm[24_000 - 400 : 24_000]):
        assert energy(tone) == pytest.approx(0.3536, rel=0.15)


def test_no_noise_stands_between_the_chunks_of_an_mp3() -> None:
    time_s = np.arange(44_100 * 12) / 44_100
    wanted = (0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    pcm = audio.decode(mp3(wanted, 44_100), FileKind.MP3)
    at_8000 = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(pcm)) / 8_000)
    inside = slice(800, 95_000)
    difference = pcm[inside].astype(np.float64) / 32768 - at_8000[inside]
    assert np.abs(difference).max() < 0.05


def test_an_id3_tag_is_no_sound() -> None:
    body = mp3(ends(44_100), 44_100)
    tagged = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + b"\x00" * 10 + body
    np.testing.assert_array_equal(
        audio.decode(tagged, FileKind.MP3), audio.decode(body, FileKind.MP3)
    )


@pytest.mark.parametrize("rest", [b"", b"\xd5\x01\x02"])
def test_raw_gsm_is_heard_whole(rest: bytes) -> None:
    body = raw_gsm(ends(8_000))
    pcm = audio.decode(body + rest, FileKind.GSM)
    assert len(pcm) >= len(body) // 33 * 160
    assert energy(pcm[:400]) == pytest.approx(0.3536, rel=0.25)
    assert energy(pcm[24_000 - 400 : 24_000]) == pytest.approx(0.3536, rel=0.25)


def test_a_wav_that_was_streamed_has_no_length_and_is_heard_whole() -> None:
    sound = np.arange(8_000, dtype="<i2")
    body = wav_header(data=0xFFFFFFFF - 36) + sound.tobytes()
    np.testing.assert_array_equal(audio.decode(body, FileKind.WAV), sound)


def test_of_a_truncated_wav_is_heard_what_is_there() -> None:
    body = written(ends(8_000), 8_000)
    whole = audio.decode(body, FileKind.WAV)
    np.testing.assert_array_equal(audio.decode(body[:20_044], FileKind.WAV), whole[:10_000])


GOOD_WAV = written(ends(8_000, 0.5), 8_000)
GOOD_MP3 = mp3(ends(8_000, 0.5), 8_000)
NOT_PLAYED: dict[str, tuple[bytes, FileKind]] = {
    "empty": (b"", FileKind.WAV),
    "one byte": (b"R", FileKind.WAV),
    "text": (b"<html>404 not found</html>", FileKind.MP3),
    "wav named mp3": (GOOD_WAV, FileKind.MP3),
    "wav named gsm": (GOOD_WAV, FileKind.GSM),
    "mp3 named wav": (GOOD_MP3, FileKind.WAV),
    "mp3 named gsm": (GOOD_MP3, FileKind.GSM),
    "gsm named wav": (raw_gsm(ends(8_000, 0.5)), FileKind.WAV),
    "gsm with one wrong frame": (raw_gsm(ends(8_000, 0.5)) + b"\x00" * 33, FileKind.GSM),
    "half a gsm frame": (b"\xd0" * 20, FileKind.GSM),
    "flac": (written(ends(8_000), 8_000, "PCM_16", "FLAC"), FileKind.WAV),
    "ogg": (written(ends(8_000), 8_000, "VORBIS", "OGG"), FileKind.MP3),
    "flac behind an ID3 tag": (
        b"ID3\x04\x00\x00\x00\x00\x00\x00" + written(ends(8_000), 8_000, "PCM_16", "FLAC"),
        FileKind.MP3,
    ),
    "aiff": (written(ends(8_000), 8_000, "PCM_16", "AIFF"), FileKind.WAV),
    "big-endian wav": (
        b"RIFX" + written(ends(8_000), 8_000)[4:],
        FileKind.WAV,
    ),
    "ID3 and nothing": (b"ID3\x04\x00\x00\x00\x00\x00\x00", FileKind.MP3),
    "sync and noise": (b"\xff\xfb" + b"\x55" * 4000, FileKind.MP3),
    "AAC": (b"\xff\xf1\x50\x80\x02\x1f\xfc" * 300, FileKind.MP3),
    "header alone": (wav_header(data=0), FileKind.WAV),
    "half a header": (wav_header()[:30], FileKind.WAV),
    "a header that promises sound": (wav_header(), FileKind.WAV),
    "no fmt": (b"RIFF\x14\x00\x00\x00WAVEdata\x08\x00\x00\x00" + b"\x01" * 8, FileKind.WAV),
    "one sample at 192,000 Hz": (wav_header(rate_hz=192_000, data=2) + b"\x01\x01", FileKind.WAV),
    "0 Hz": (wav_header(rate_hz=0) + b"\x01" * 16_000, FileKind.WAV),
    "1 Hz": (wav_header(rate_hz=1) + b"\x01" * 16_000, FileKind.WAV),
    "3,999 Hz": (wav_header(rate_hz=3_999) + b"\x01" * 16_000, FileKind.WAV),
    "192,001 Hz": (wav_header(rate_hz=192_001) + b"\x01" * 16_000, FileKind.WAV),
    "4 GHz": (wav_header(rate_hz=2**32 - 1) + b"\x01" * 16_000, FileKind.WAV),
    "no channel": (wav_header(channels=0) + b"\x01" * 16_000, FileKind.WAV),
    "three channels": (wav_header(channels=3) + b"\x01" * 16_000, FileKind.WAV),
    "65,535 channels": (wav_header(channels=65_535, data=2**17) + b"\x01" * 2**17, FileKind.WAV),
    "an unknown codec": (wav_header(codec=0x1234) + b"\x01" * 16_000, FileKind.WAV),
    "a codec that is left out": (written(ends(8_000), 8_000, "G721_32"), FileKind.WAV),
    "0 bits": (wav_header(bits=0) + b"\x01" * 16_000, FileKind.WAV),
}


@pytest.mark.parametrize("name", NOT_PLAYED)
def test_what_is_no_recording_is_refused(name: str) -> None:
    body, named = NOT_PLAYED[name]
    with pytest.raises(InvalidFileFormat) as raised:
        audio.decode(body, named)
    assert raised.value.detail.endswith(".")


def test_an_hour_is_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MAX_DURATION_S", 2)
    exact = written(ends(8_000, 2.0), 8_000)
    assert len(audio.decode(exact, FileKind.WAV)) == 16_000
    with pytest.raises(InvalidFileSize):
        audio.decode(written(ends(8_000, 2.001), 8_000), FileKind.WAV)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://a/b.mp3", FileKind.MP3),
        ("http://a/b.WAV?x=1.mp3", FileKind.WAV),
        ("http://a/b.c/d.gsm#e", FileKind.GSM),
        ("http://a/b%2Emp3", FileKind.MP3),
        ("http://a/caf%C3%A9.wav", FileKind.WAV),
    ],
)
def test_the_path_names_the_kind(url: str, kind: FileKind) -> None:
    assert named_kind(url) is kind


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "http://a.mp3",
        "http://a/",
        "http://a/b",
        "http://a/b.ogg",
        "http://a/b.mp3/",
        "http://a/b.mp3.exe",
        "http://a/?f=b.mp3",
        "http://a/b#c.mp3",
        "http://a/.mp3",
        "http://a/mp3",
    ],
)
def test_another_extension_is_refused(url: str) -> None:
    with pytest.raises(InvalidFileFormat, match=r"must end in \.mp3"):
        named_kind(url)


def played_or_refused(body: bytes, named: FileKind) -> None:
    try:
        pcm = audio.decode(body, named)
    except RenderError:
        return
    assert pcm.dtype == np.int16 and pcm.ndim == 1 and len(pcm) > 0


@settings(deadline=None, max_examples=150)
@given(st.integers(4, 60), st.binary(min_size=1, max_size=4))
def test_a_damaged_wav_header_is_played_or_refused(at: int, damage: bytes) -> None:
    played_or_refused(GOOD_WAV[:at] + damage + GOOD_WAV[at + len(damage) :], FileKind.WAV)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(FileKind))
def test_whatever_follows_a_good_beginning_is_played_or_refused(
    rest: bytes, named: FileKind
) -> None:
    beginning = {FileKind.WAV: wav_header(), FileKind.MP3: b"\xff\xfb\x90\xc4", FileKind.GSM: b""}
    played_or_refused(beginning[named] + rest, named)
