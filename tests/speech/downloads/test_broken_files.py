"""Recordings that are broken around their sound are heard whole, as players play them."""

import random
import struct
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.speech.downloads import audio, mpeg
from onhook.speech.downloads.decoding import Decoders
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.errors import InvalidFileFormat, RenderError
from onhook.speech.narrowband import Pcm
from speech.downloads import broken
from speech.downloads.broken import FILES, UNKNOWN, tone

LOW, HIGH = 600, 1500
ONE = broken.mp3(tone(LOW, 24_000), 24_000)
TWO = broken.mp3(tone(HIGH, 24_000), 24_000)
NOISE = random.Random(1).randbytes(70_000)


def heard(body: bytes, named: FileKind = FileKind.MP3) -> dict[int, float]:
    """Of each tone how many seconds are heard, counted in frames of 20 ms."""
    pcm = audio.decode(body, named)
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    power = np.abs(np.fft.rfft(frames * np.hanning(160))) ** 2
    loud, bins = power.sum(axis=1) > 1e9, {hz: round(hz / 50) for hz in (LOW, HIGH)}
    near = {hz: power[:, at - 2 : at + 3].sum(axis=1) for hz, at in bins.items()}
    return {
        hz: float(np.sum(loud & (near[hz] > 0.8 * power.sum(axis=1)))) * 0.02 for hz in (LOW, HIGH)
    }


BOTH = {LOW: pytest.approx(1.0, abs=0.05), HIGH: pytest.approx(1.0, abs=0.05)}
THE_FIRST = {LOW: pytest.approx(1.0, abs=0.05), HIGH: 0}


@pytest.mark.parametrize(
    "first", [ONE, broken.without_header(ONE), broken.with_count(ONE, 3)], ids=["L", "-", "few"]
)
@pytest.mark.parametrize(
    "second", [TWO, broken.without_header(TWO), broken.with_count(TWO, 999)], ids=["L", "-", "many"]
)
@pytest.mark.parametrize(
    "between",
    [
        b"",
        bytes(5000),
        broken.id3(NOISE[:900]),
        b"TAG".ljust(128, b"x"),
        broken.ape(NOISE[:99]),
        NOISE,
    ],
    ids=["nothing", "zeros", "ID3v2", "ID3v1", "APE", "noise"],
)
def test_files_that_were_put_together_are_heard_to_the_last(
    first: bytes, second: bytes, between: bytes
) -> None:
    assert heard(first + between + second) == BOTH


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000])
def test_each_part_has_its_own_rate(rate_hz: int) -> None:
    assert heard(ONE + broken.mp3(tone(HIGH, rate_hz), rate_hz)) == BOTH


@pytest.mark.parametrize("header", [True, False])
def test_each_part_has_its_own_number_of_channels(header: bool) -> None:
    stereo = broken.mp3(np.stack([tone(HIGH, 24_000)] * 2, axis=1), 24_000)
    parts = [ONE, stereo] if header else [*map(broken.without_header, (ONE, stereo))]
    assert heard(b"".join(parts)) == BOTH
    assert heard(b"".join(reversed(parts))) == BOTH


def test_parts_join_without_a_gap() -> None:
    """With the headers of their encoders, which tell what was added: 50 words are as long as 50 words."""
    assert len(audio.decode(ONE * 50, FileKind.MP3)) == pytest.approx(50 * 8000, abs=50)


def test_there_is_a_limit_to_what_was_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpeg, "MAX_STREAMS", 3)
    assert len(mpeg.streams(ONE * 3, 60)) == 3
    with pytest.raises(InvalidFileFormat, match="more than 3"):
        mpeg.streams(ONE * 4, 60)


def test_an_hour_is_counted_over_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MAX_DURATION_S", 2)
    audio.decode(ONE + TWO, FileKind.MP3)
    with pytest.raises(RenderError, match="plays for more than"):
        audio.decode(ONE + TWO + ONE, FileKind.MP3)


@pytest.mark.parametrize(
    "before",
    [
        b"\n",
        b"\r\n\r\n",
        b"\xef\xbb\xbf",
        bytes(3000),
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n",
        b"<!-- rendered -->\n",
        broken.id3(bytes(100)) + bytes(3000),
        b"\n" + broken.id3(NOISE),
        broken.id3(NOISE) + broken.id3(b"twice"),
        broken.ape(NOISE),
        NOISE[: mpeg.SEARCHED_BYTES],
    ],
    ids=[
        "LF",
        "CRLF",
        "BOM",
        "zeros",
        "head",
        "comment",
        "ID3+0",
        "LF+ID3",
        "ID3x2",
        "APE",
        "64 KB",
    ],
)
def test_what_stands_before_the_first_frame_is_passed_over(before: bytes) -> None:
    for file in (ONE, broken.without_header(ONE)):
        assert heard(before + file) == THE_FIRST


def test_frames_further_behind_are_not_looked_for() -> None:
    with pytest.raises(InvalidFileFormat, match="not a recording"):
        audio.decode(NOISE + ONE, FileKind.MP3)


def test_a_stream_that_begins_in_the_middle_of_a_frame() -> None:
    """What its first frames take from those before is lost, so less than a tenth of a second."""
    cut = ONE[broken.first_frame_bytes(ONE) + 31 :]
    assert heard(cut) == {LOW: pytest.approx(1.0, abs=0.1), HIGH: 0}


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
def test_a_loud_beginning_does_not_make_the_rest_short(mode: str) -> None:
    """Without a header, a decoder guesses the length from the bit rate of the first frame."""
    loud = np.random.default_rng(1).uniform(-0.5, 0.5, 44_100).astype(np.float32)
    sound = np.concatenate([loud, tone(LOW, 44_100, 3), tone(HIGH, 44_100)])
    file = broken.without_header(
        broken.mp3(sound, 44_100, bitrate_mode=mode, compression_level=0.5)
    )
    assert heard(file) == {LOW: pytest.approx(3.0, abs=0.05), HIGH: pytest.approx(1.0, abs=0.05)}


def test_an_end_that_is_cut_off_costs_no_more_than_its_frame() -> None:
    assert heard(ONE[:-100])[LOW] == pytest.approx(1.0, abs=0.1)
    assert heard(ONE[:-100] + TWO) == {LOW: pytest.approx(1.0, abs=0.1), HIGH: BOTH[HIGH]}


def test_mp3_within_riff_plays_under_both_names() -> None:
    for file in (ONE, broken.without_header(ONE), ONE + TWO):
        wav = broken.in_riff(file, 24_000)
        found = heard(file)
        assert heard(wav, FileKind.WAV) == heard(wav, FileKind.MP3) == found
    with pytest.raises(InvalidFileFormat, match=r"named \.gsm, but its content is \.mp3"):
        audio.decode(broken.in_riff(ONE, 24_000), FileKind.GSM)


def test_a_wav_full_of_bytes_that_look_like_frames_stays_a_wav() -> None:
    wav = broken.written(
        np.frombuffer(ONE * 5, "<i2").astype(np.float32) / np.float32(32768), 8_000
    )
    assert ONE * 2 in wav
    assert len(audio.decode(wav, FileKind.WAV)) == len(ONE) * 5 // 2


# Of other people's programs ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lasts_s", "ends_s"),
    [
        ("sine_cat.mp3", 2.0, 2.0),
        ("cat_xing.mp3", 2.14, 2.02),
        ("cat_lame.mp3", 2.14, 2.02),
        ("cat_firstxing.mp3", 2.23, 2.10),
        ("cat_rates.mp3", 2.19, 2.07),
        ("newline_first.mp3", 2.14, 2.02),
        ("id3_then_zeros.mp3", 2.14, 2.02),
        ("ape_first.mp3", 2.14, 2.02),
        ("midframe.mp3", 1.90, 1.77),
        ("riffmp3_named.mp3", 2.17, 2.03),
        ("mp3in.wav", 2.17, 2.03),
        ("size_0.wav", 2.14, 2.02),
        ("size_ffff_trailer.wav", 2.14, 2.02),
        ("rf64.wav", 2.14, 2.02),
    ],
)
def test_files_from_elsewhere_are_heard_to_their_end(
    name: str, lasts_s: float, ends_s: float
) -> None:
    file = FILES / name
    pcm = audio.decode(file.read_bytes(), FileKind(file.suffix))
    assert len(pcm) / 8000 == pytest.approx(lasts_s, abs=0.02)
    assert last_sound_s(pcm) == pytest.approx(ends_s, abs=0.02)


def last_sound_s(pcm: Pcm) -> float:
    return float(np.flatnonzero(np.abs(pcm.astype(np.int32)) > 300)[-1]) / 8000


# Sizes of a wav ----------------------------------------------------------------------------------

CODECS = ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"]
LIST = struct.pack("<4sI", b"LIST", 4) + b"INFO"
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "RIFF of 0 bytes": lambda wav: broken.resized(wav, riff=0),
    "RIFF without end": lambda wav: broken.resized(wav, riff=UNKNOWN),
    "data of 0 bytes": lambda wav: broken.resized(wav, riff=0, data=0),
    "data without end": lambda wav: broken.resized(wav, riff=UNKNOWN, data=UNKNOWN),
    "less a header": lambda wav: broken.resized(wav, data=UNKNOWN - 36),
    "with a sign": lambda wav: broken.resized(wav, data=0x7FFFFFFF),
    "whole pages": lambda wav: broken.resized(wav, data=0x7FFFF000),
    "one byte too many": lambda wav: broken.resized(wav, data=broken.chunks(wav)[b"data"][1] + 1),
    "a list behind an unknown end": lambda wav: broken.resized(wav, data=UNKNOWN) + LIST * 2,
    "a list behind 0 bytes": lambda wav: broken.resized(wav, data=0) + LIST,
    "RF64": broken.rf64,
    "BW64": lambda wav: broken.rf64(wav, b"BW64"),
    "RF64 that was never closed": lambda wav: broken.rf64(wav, told=0),
    "64 bits in RIFF": lambda wav: broken.rf64(wav, b"RIFF"),
    "a line feed first": lambda wav: b"\n" + wav,
    "a byte order mark first": lambda wav: b"\xef\xbb\xbf" + wav,
    "an ID3 tag first": lambda wav: broken.id3(NOISE[:500]) + wav,
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("form", FORMS)
def test_a_wav_is_heard_whole_whatever_its_sizes_say(form: str, codec: str) -> None:
    wav = broken.written(tone(LOW, 8_000), 8_000, codec)
    if len(broken.resized(wav)) % 2:
        wav = broken.resized(wav)  # nothing fills it up
    wanted = audio.decode(wav, FileKind.WAV)
    found = audio.decode(FORMS[form](wav), FileKind.WAV)
    np.testing.assert_array_equal(found[:8000], wanted[:8000])
    assert len(found) <= len(wanted)


def test_a_data_chunk_that_really_is_empty_stays_empty() -> None:
    wav = broken.resized(broken.written(tone(LOW, 8_000, 0), 8_000), data=0)
    for file in (wav, wav + LIST, wav + LIST + LIST):
        with pytest.raises(InvalidFileFormat, match="no sound"):
            audio.decode(file, FileKind.WAV)


def test_silence_behind_a_size_of_0_is_no_list_of_empty_chunks() -> None:
    sound = np.concatenate([np.zeros(8_000, np.float32), tone(LOW, 8_000)])
    for silent in (sound, sound[:8_000]):
        wav = broken.resized(broken.written(silent, 8_000), riff=0, data=0)
        assert len(audio.decode(wav, FileKind.WAV)) == len(silent)


@pytest.mark.parametrize(
    "behind",
    [
        struct.pack("<II", 34_284, 34_240),
        b"\xff\x7f",
        b"\x00\x80\xff\x7f" * 3,
        b"id3 " + b"\xff" * 20,
    ],
)
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_what_is_no_sound_behind_an_unknown_end_does_not_click(behind: bytes, rate_hz: int) -> None:
    sound = np.concatenate([tone(LOW, rate_hz), np.zeros(rate_hz // 10, np.float32)])
    wav = broken.resized(broken.written(sound, rate_hz), data=UNKNOWN) + behind
    pcm = audio.decode(wav, FileKind.WAV)
    assert np.abs(pcm[-700:].astype(np.int32)).max() < 300
    assert heard(wav, FileKind.WAV)[LOW] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("data", [0, UNKNOWN])
@pytest.mark.parametrize("hz", [100, 1000, 3400])
def test_a_loud_end_is_no_odd_one(data: int, hz: float) -> None:
    rng = np.random.default_rng(1)
    for sound in (
        tone(hz, 8_000, 0.9999),
        np.sign(tone(hz, 8_000)) * np.float32(0.9),
        rng.uniform(-1, 1, 8_000).astype(np.float32),
    ):
        wav = broken.resized(broken.written(sound, 8_000), data=data)
        assert len(audio.decode(wav, FileKind.WAV)) == len(sound)


def test_of_a_file_that_is_cut_off_nothing_is_taken_for_odd() -> None:
    sound = np.concatenate([np.zeros(8_000, np.float32), np.full(4, 0.9, np.float32)])
    wav = broken.written(np.concatenate([sound, sound]), 8_000)
    pcm = audio.decode(wav[: 44 + 2 * len(sound)], FileKind.WAV)
    assert pcm[-1] > 29_000


# Two channels ------------------------------------------------------------------------------------


def two(left: np.ndarray, right: np.ndarray, rate_hz: int = 44_100) -> Pcm:
    """What is heard of two channels."""
    file = broken.written(np.stack([left, right], axis=1).astype(np.float32), rate_hz, "FLOAT")
    return audio.decode(file, FileKind.WAV)


def energy(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean((pcm.astype(np.float64) / 32768) ** 2)))


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
@pytest.mark.parametrize("other", [-1.0, -0.9, -0.6])
def test_channels_in_antiphase_are_no_silence(rate_hz: int, other: float) -> None:
    sound = tone(LOW, rate_hz)
    pcm = two(sound, sound * other, rate_hz)
    wanted = energy(audio.decode(broken.written(sound, rate_hz), FileKind.WAV))
    assert energy(pcm) == pytest.approx(wanted * (1 - other) / 2, rel=0.02)
    for part in np.split(pcm[:8000], 20):  # from the first to the last
        assert energy(part) == pytest.approx(energy(pcm), rel=0.05)


def test_antiphase_in_an_mp3() -> None:
    sound = tone(LOW, 24_000)
    file = broken.mp3(np.stack([sound, -sound], axis=1), 24_000)
    assert heard(file) == THE_FIRST


def test_a_part_in_antiphase_is_heard_like_the_rest_and_without_a_click() -> None:
    sound = tone(100, 44_100, 4)
    right = sound.copy()
    right[44_100 : 2 * 44_100] *= -1
    right[3 * 44_100 : 3 * 44_100 + 4410] *= -1
    pcm = two(sound, right)
    for at in range(0, len(pcm) - 800, 800):
        assert energy(pcm[at : at + 800]) == pytest.approx(0.3536, rel=0.35)
    steepest = 0.5 * 2 * np.pi * 100 / 8000 * 32768
    assert np.abs(np.diff(pcm.astype(np.int32))).max() < 6 * steepest


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_channels_that_are_not_in_antiphase_are_mixed_as_ever(share: float) -> None:
    """Two people, one in each channel; both louder in one; both in both."""
    rng = np.random.default_rng(3)
    left, right = rng.uniform(-0.5, 0.5, (2, 100_000)).astype(np.float32)
    right = share * left + (1 - share) * right
    mean = broken.written((left + right) / 2, 44_100, "FLOAT")
    np.testing.assert_array_equal(two(left, right), audio.decode(mean, FileKind.WAV))
    alone = broken.written(left / 2, 44_100, "FLOAT")
    np.testing.assert_array_equal(two(left, left * 0), audio.decode(alone, FileKind.WAV))


def test_channels_that_are_no_numbers_are_silence() -> None:
    bad = np.full(8_000, np.inf, np.float32)
    none = np.full(8_000, np.nan, np.float32)
    for left, right in ((bad, -bad), (none, bad), (tone(LOW, 8_000), none)):
        assert len(two(left, right, 8_000)) == 8_000


# Whatever else ------------------------------------------------------------------------------------

GOOD = {
    FileKind.MP3: [ONE + TWO, broken.id3(b"x" * 50) + broken.without_header(ONE), b"\n" + TWO],
    FileKind.WAV: [
        broken.rf64(broken.written(tone(LOW, 8_000, 0.2), 8_000)),
        broken.resized(broken.written(tone(LOW, 8_000, 0.2), 8_000, "IMA_ADPCM"), data=UNKNOWN),
        broken.in_riff(ONE, 24_000),
    ],
}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40)), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=150)
@given(named=st.sampled_from(list(GOOD)), which=st.integers(0, 2), changes=CHANGES)
def test_whatever_is_done_to_a_file_it_is_played_or_refused(
    named: FileKind, which: int, changes: list[tuple[float, int, bytes]]
) -> None:
    body = bytearray(GOOD[named][which])
    for place, length, put in changes:
        at = int(place * len(body))
        body[at : at + length] = put
    try:
        pcm = audio.decode(bytes(body), named)
    except RenderError:
        return
    assert pcm.dtype == np.int16 and pcm.ndim == 1 and len(pcm) > 0


HEAD = bytes.fromhex("fff314c4")  # the shortest frame that there is: 24 bytes
HOSTILE = {
    "zeros": b"\0",
    "byte order marks": b"\xef\xbb\xbf",
    "sync": b"\xff",
    "what looks like frames": b"\xff\xfb\x90\x00",
    "short frames": HEAD.ljust(24, b"\0"),
    "short frames and junk": HEAD.ljust(24, b"\0") * 3 + b"x" * 100,
    "tags": b"ID3\x04\0\0\0\0\0\0",
    "chunks": b"LIST\0\0\0\0",
}


HOSTILE_NAMES = [
    pytest.param(what, marks=[pytest.mark.slow] if "short" in what else []) for what in HOSTILE
]  # of the short ones an hour is decoded


@pytest.mark.parametrize("what", HOSTILE_NAMES)
@pytest.mark.parametrize("named", [FileKind.MP3, FileKind.WAV])
def test_10_mb_of_nonsense_are_dealt_with_in_time(what: str, named: FileKind) -> None:
    """Played or refused by a process that has its usual memory and time, and is not replaced."""
    body = HOSTILE[what] * (10 * 1024 * 1024 // len(HOSTILE[what]))
    if named is FileKind.WAV:
        body = broken.resized(broken.written(tone(LOW, 8_000, 0), 8_000), data=0) + body[44:]
    decoders = Decoders()
    try:
        decoders.warm()
        before = [decoder._worker.pid for decoder in decoders._idle]
        began = time.process_time()
        try:
            decoders.decode(body, named)
        except RenderError as error:
            assert "too much time or memory" not in error.detail
        assert [decoder._worker.pid for decoder in decoders._idle] == before
        assert time.process_time() - began < 10  # of ours: the work is done by the process
    finally:
        decoders.close()
