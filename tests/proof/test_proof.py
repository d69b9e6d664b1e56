"""What the proof of the voices makes of what was heard; the recogniser itself is not in the tests."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onhook.speech.measured import errors, understood
from proof import briefly, page
from proof.figures import (
    COMPARED,
    NOT_OFFERED,
    Figures,
    Run,
    at_last_commit,
    closing,
    committed,
    faults,
    known,
    missed,
    run_of,
    status,
    write,
)
from proof.recogniser import RATE_HZ, features
from proof.scoring import edits, rate, units
from proof.sentences import CANDIDATES, lines

PAGE = Path(__file__).parents[2] / "docs" / "voices-measured.md"
VOICE = Figures(
    language="de",
    gender="female",
    engine="pico",
    quality="statistical",
    licence="Apache-2.0",
    errors=0.2,
    sentence=0.1,
    grade=2.4,
    first_audio_ms=100,
    cpu=0.02,
    memory_mb=60,
)
RUN = Run(day="2026-12-01", minutes=31, cores=2, load=1.5)


@pytest.mark.parametrize(
    ("said", "heard", "tag", "wrong", "of"),
    [
        ("Ihr Code ist vier.", "ihr code, ist vier", "de", 0, 4),
        ("Ihr Code ist vier.", "Ihr Kot ist", "de", 2, 4),
        ("Mister Martin", "Mr. Martin", "en-US", 0, 2),
        ("four", "on and on and on and on", "en", 1, 1),
        ("您的验证码", "您的驗證碼", "zh-CN", 0, 5),
        ("我们很忙。", "我很忙", "zh-CN", 1, 4),
        ("Bizi İstasyonun kapısı", "BİZİ istasyonun KAPISI", "tr", 0, 3),
        ("два дев'ять", "Два девʼять", "uk", 0, 2),
        ("三日の十時", "さんにち の じゅうじ", "ja", 2, 9),
    ],
)
def test_words_are_counted_or_characters(
    said: str, heard: str, tag: str, wrong: int, of: int
) -> None:
    found = rate(said, heard, tag)
    if tag == "ja":  # how many kana, and which of two readings, is the dictionary's affair
        assert 0 <= found[0] < found[1]
    else:
        assert found == (wrong, of)


def test_edits_are_the_fewest() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits("abc", "abc") == 0


def test_every_language_that_is_measured_has_its_four_lines_without_figures_to_hear() -> None:
    for voice in committed().values():
        assert len(lines(voice.language)) == 4
    for tag in [*CANDIDATES, "zh-HK", "pt-BR", "ja"]:
        for _, said in lines(tag):
            assert not any(character.isdigit() for character in said)
            assert units(said, tag)


def test_what_fails_is_told() -> None:
    assert faults(VOICE, {}) == []
    (sentence,) = faults(replace(VOICE, errors=0.31), {})
    assert "not understood" in sentence
    assert faults(replace(VOICE, quality="neural, slow: render ahead", errors=0.16), {})
    accent = "neural, experimental: a foreign accent (Portuguese)"
    assert faults(replace(VOICE, quality=accent, errors=0.5), {}) == []
    assert faults(replace(VOICE, quality="formant", errors=0.94), {}) == []
    assert faults(replace(VOICE, quality="formant", errors=0.96), {})
    for unheard in (COMPARED, NOT_OFFERED):
        assert faults(replace(VOICE, quality=unheard, errors=1.0), {}) == []
    assert faults(replace(VOICE, language="hi", errors=1.0), {}) == []  # nobody could tell
    before = {VOICE.key: replace(VOICE, grade=2.75)}
    (sentence,) = faults(VOICE, before)
    assert "2.8 before" in sentence or "2.7 before" in sentence
    assert faults(replace(VOICE, grade=2.5), before) == []


def test_errors_that_grew_are_a_fault_though_the_target_is_met() -> None:
    before = {VOICE.key: replace(VOICE, errors=0.1)}
    (sentence,) = faults(replace(VOICE, errors=0.29), before)
    assert sentence == "de female pico: 0.29 is not understood, and 0.10 before."
    for was, now in ((0.1, 0.2), (0.7, 0.8), (0.2, 0.1)):  # some of which floats make 0.1000000001
        accented = replace(VOICE, quality="neural, experimental", errors=now)
        assert faults(accented, {VOICE.key: replace(accented, errors=was)}) == []
    untold = replace(VOICE, language="hi", errors=1.0)
    assert faults(untold, {untold.key: replace(untold, errors=0.5)}) == []


def test_a_miss_that_is_committed_is_known_until_it_gets_worse() -> None:
    poor = replace(VOICE, errors=0.5)
    missing = "de female pico: 0.50 is not understood, 0.3 may be."
    assert (faults(poor, {poor.key: poor}), known(poor, {poor.key: poor})) == ([], missing)
    for before in ({}, {VOICE.key: replace(VOICE, errors=0.29)}):
        assert known(poor, before) == ""
        assert missing in faults(poor, before)
    worse, before = replace(poor, errors=0.61), {poor.key: poor}
    assert known(worse, before) == ""
    assert faults(worse, before) == ["de female pico: 0.61 is not understood, and 0.50 before."]
    hoarse = replace(poor, grade=1.0)
    assert (len(faults(hoarse, before)), known(hoarse, before)) == (1, missing)
    assert known(VOICE, before) == ""


def test_a_run_says_which_faults_are_new_and_ends_accordingly() -> None:
    assert (closing([], []), status([], [])) == ([], 0)
    assert closing([], ["a: poor."]) == ["Committed already:", "  a: poor."]
    assert closing(["b: worse."], ["a: poor."])[2:] == ["New:", "  b: worse."]
    assert (status(["b: worse."], ["a: poor."]), status(["b: worse."], [])) == (1, 1)
    assert status([], ["a: poor."]) == 2


def test_figures_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    for run in (RUN, None):
        write({VOICE.key: VOICE}, run, file)
        assert committed(file) == {VOICE.key: VOICE}
        assert run_of(file) == run
    assert committed(tmp_path / "none.json") == {}


def test_a_run_is_held_against_the_last_commit_and_not_against_the_run_before(
    tmp_path: Path,
) -> None:
    file = tmp_path / "measured.json"
    write({VOICE.key: VOICE}, RUN, file)
    somebody = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    for command in (
        ["init", "-q"],
        ["add", file.name],
        [*somebody, "commit", "-q", "-m", "Measure"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    write({VOICE.key: replace(VOICE, errors=0.29)}, RUN, file)
    assert at_last_commit(file) == {VOICE.key: VOICE}
    fresh = tmp_path / "never-committed.json"
    write({VOICE.key: VOICE}, None, fresh)
    assert at_last_commit(fresh) == {VOICE.key: VOICE}


def test_the_page_says_what_is_committed() -> None:
    found = committed()
    assert PAGE.read_text("utf-8") == page.page(list(found.values()), run_of())
    assert errors("de", "female", "pico") == found["de female pico"].errors
    assert errors("hi", "female", "espeak") is None
    assert errors("xx", "female", "pico") is None


def test_the_page_says_of_which_run_it_is() -> None:
    assert "one run, of 31 minutes, on 2 cores with a load average of 1.5" in page.page([], RUN)
    assert "several runs" in page.page([], None)


def test_the_page_names_who_misses_the_target() -> None:
    poor = replace(VOICE, errors=0.4)
    assert "- de female pico: 0.40 is not understood" in page.page([poor], None)
    assert page.page([VOICE], None).endswith("## Who misses the target\n\nNobody.\n")


def test_who_misses_the_target_is_listed_as_not_understood() -> None:
    for one in committed().values():
        wrong = errors(one.language, one.gender, one.engine)
        if one.heard:
            assert (understood(one.quality, wrong) is False) == bool(missed(one)), one.key
    assert understood("neural", 0.15) is True
    assert understood("neural, slow: render ahead", 0.16) is False
    assert understood("neural, experimental: a foreign accent (Portuguese)", 0.16) is None
    assert understood("formant", None) is None


def test_those_that_are_clear_are_clear_by_the_committed_figures() -> None:
    found = committed()
    kinds = {"neural", "statistical"}
    clear = [one for one in found.values() if one.kind in kinds]
    assert len(clear) > 10
    assert [sentence for one in clear for sentence in faults(one, {})] == []


def test_the_recogniser_is_given_the_spectrum_where_it_looks_for_it() -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for hz, band in ((300, range(6, 10)), (1000, range(24, 28)), (4000, range(58, 64))):
        heard = features(np.sin(2 * np.pi * hz * time_s).astype(np.float32))
        assert heard.shape == (80, 3000)
        assert int(heard[:, 50].argmax()) in band
        assert heard[:, 2000].max() == heard.min()  # silence fills it up to 30 s


def test_in_short_a_sentence_is_held_against_when_it_was_measured() -> None:
    assert briefly.faults([(VOICE, 0.29)]) == []
    (sentence,) = briefly.faults([(VOICE, 0.31)])
    assert sentence.startswith("de female pico: 0.31")
    robotic = replace(VOICE, language="nl", sentence=0.5)
    assert briefly.faults([(robotic, 0.9), (robotic, 0.3)]) == []  # together they are as they were
    (sentence,) = briefly.faults([(robotic, 0.9), (robotic, 0.5), (VOICE, 0.1)])
    assert sentence.startswith("The other 2: 0.70")


def test_in_short_nobody_is_judged_of_whom_the_recogniser_cannot_tell() -> None:
    assert briefly.judged(VOICE)
    for said in ({"sentence": 0.7}, {"sentence": None}, {"language": "hi"}):
        assert not briefly.judged(replace(VOICE, **said))


def test_the_short_form_judges_whoever_is_clear() -> None:
    found = committed()
    clear = [found[f"{tag} female pico"] for tag in ("de", "en-GB", "es-ES", "fr", "it")]
    for one in [*clear, found["en-US female hibari"]]:
        assert briefly.judged(one)
        assert one.sentence is not None and one.sentence <= briefly.CLEAR
    assert sum(briefly.judged(one) for one in found.values() if one.kind == "formant") >= 5
