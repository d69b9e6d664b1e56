"""How texts are read in every language that has rules: a table with a line a case, and what holds of all."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.engines.mandarin import number as mandarin_number
from onhook.speech.markup import normalised
from onhook.speech.reading import spoken_dates, spoken_money
from onhook.speech.reading.normalise import spoken_form
from onhook.speech.reading.spoken_numbers import in_words
from onhook.speech.reading.tongue import tongue
from onhook.speech.reading.vocabulary import words

TAGS = ["en-US", *(language.tag for language in LANGUAGES), "ja"]
TABLE: dict[str, dict[str, str]] = defaultdict(dict)
for line in Path(__file__).with_name("readings.tsv").read_text().splitlines()[1:]:
    tag, written, spoken = line.split("\t")
    TABLE[tag][written] = spoken

EVERYWHERE = (
    "*", "#", "*123#", "1-800-555-0199", "012-3-456789", "#05-67", "+65 6123 4567", "1 234,56 ₽",
    "911", "999", "112", "www.acme.com", "24/7", "ext. 12", "No. 5", "9:00–17:30", "A1B2C3", "17.05",
)  # fmt: skip


@pytest.mark.parametrize("tag", TAGS)
def test_a_text_is_read_as_the_table_says(tag: str) -> None:
    found = {text: spoken_form(text, tag) for text in TABLE[tag]}
    assert found == TABLE[tag]


def test_the_table_has_every_language_and_every_kind() -> None:
    assert set(TABLE) == set(TAGS)
    for tag in TAGS:
        assert set(EVERYWHERE) <= set(TABLE[tag])


@pytest.mark.parametrize("tag", TAGS)
def test_every_language_names_the_keys(tag: str) -> None:
    named = words(tag)
    assert named is not None
    assert named.star != named.pound
    for key, name in (("*", named.star), ("#", named.pound)):
        assert spoken_form(f"1 {key} 2", tag).split(" ", 1)[1].startswith(name)
        assert key not in spoken_form(f"1 {key} 2", tag)


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", " "])
@pytest.mark.parametrize("tag", ["ru", "uk", "fr", "pl", "de"])
def test_it_does_not_matter_which_blank_groups_an_amount(blank: str, tag: str) -> None:
    written = normalised(f"1{blank}234,56{blank}₽")
    assert spoken_form(written, tag) == TABLE[tag].get("1 234,56 ₽", spoken_form(written, tag))
    assert "1 234" not in spoken_form(written, tag)


# What holds of all --------------------------------------------------------------------------------

GROUPS = st.lists(st.from_regex(r"[0-9]{1,5}", fullmatch=True), min_size=1, max_size=5)
SEPARATORS = st.sampled_from(["-", " ", ".", ") ", " - "])
BEFORE = st.sampled_from(["", "+", "#", "*", "No. ", "ext. ", "code ", "call ", "(", "www.a"])
AFTER = st.sampled_from(["", "#", "*", " %", ".com", ", 5", "A1B2"])


@settings(max_examples=200, deadline=None)
@given(before=BEFORE, groups=GROUPS, separator=SEPARATORS, after=AFTER, tag=st.sampled_from(TAGS))
def test_no_digit_is_lost(
    before: str, groups: list[str], separator: str, after: str, tag: str
) -> None:
    """But in dates, times and money, where some are said otherwise, and numbers that are words."""
    text = f"{before}{separator.join(groups)}{after}"
    assume(not any(rule[0].search(text) for rule in (*spoken_dates.RULES, *spoken_money.RULES)))
    spoken = spoken_form(text, tag)
    assume(not re.search("тисяч|мільйон|мільярд|[万萬亿億]", spoken))
    assert re.findall(r"\d", spoken) == re.findall(r"\d", text)


@settings(max_examples=200, deadline=None)
@given(groups=GROUPS, separator=st.sampled_from(["-", " "]), tag=st.sampled_from(TAGS))
def test_no_zero_in_front_is_left_for_an_engine_to_pass_over(
    groups: list[str], separator: str, tag: str
) -> None:
    text = separator.join(groups)
    assume(len(groups) == 1 or sum(map(len, groups)) > 6)
    assume(not any(rule[0].search(text) for rule in spoken_dates.RULES))
    assert not re.search(r"(?<!\d)0\d", spoken_form(text, tag))


@given(st.integers(10_000, 10**12 - 1))
def test_large_numbers_in_characters(value: int) -> None:
    assert in_words(str(value), "zh-CN") == mandarin_number(str(value))
    traditional = str.maketrans("万亿", "萬億")
    assert in_words(str(value), "zh-HK") == mandarin_number(str(value)).translate(traditional)


UKRAINIAN = {
    "1000": "одна тисяча",
    "2011": "дві тисячі одинадцять",
    "5000": "п'ять тисяч",
    "12000": "дванадцять тисяч",
    "21001": "двадцять одна тисяча один",
    "114022": "сто чотирнадцять тисяч двадцять два",
    "1000000": "один мільйон",
    "3000040": "три мільйони сорок",
    "1002000300": "один мільярд два мільйони триста",
}


def test_large_numbers_in_ukrainian() -> None:
    assert {digits: in_words(digits, "uk") for digits in UKRAINIAN} == UKRAINIAN


@given(st.integers(1000, 10**12 - 1))
def test_equal_words_are_equal_numbers_in_ukrainian(value: int) -> None:
    spoken = in_words(str(value), "uk").split()
    assert _value(spoken) == value


def _value(spoken: list[str]) -> int:
    """A number by its words: those below a thousand add up, the others multiply what is before them."""
    below = {
        in_words(str(1000 + n), "uk").removeprefix("одна тисяча").strip(): n for n in range(1, 1000)
    }
    below |= {"одна": 1, "дві": 2}
    powers = {"тисяч": 1000, "мільйон": 10**6, "мільярд": 10**9}
    total, group = 0, 0
    for word in spoken:
        power = next((powers[stem] for stem in powers if word.startswith(stem)), None)
        if power is None:
            group += below[word]
        else:
            total, group = total + group * power, 0
    return total + group


def test_which_languages_write_times_with_a_dot_is_known_of_cldr() -> None:
    assert [tag for tag in TAGS if tongue(tag).dotted] == ["id"]


@pytest.mark.parametrize(
    "text", ["*", "#1", "1-", "www.", "a@b.", "1 234 ", "9:00-", "A1", "No. 1 ", "5\u2013"]
)
@pytest.mark.parametrize("tag", ["en-US", "ru", "id", "zh-CN"])
def test_long_texts_take_time_in_proportion(text: str, tag: str) -> None:
    """Backtracking would take minutes, which nothing here waits for."""
    assert spoken_form(text * 3000, tag) is not None
