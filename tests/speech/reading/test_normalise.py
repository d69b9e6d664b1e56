"""Numbers, money, dates, times, telephone numbers and codes, as they are spoken."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.speech.engines.languages import LANGUAGES, Language
from onhook.speech.reading.normalise import spoken_form
from onhook.speech.scripts import readable

TAGS = ["en-US", "ja", *(language.tag for language in LANGUAGES), "sv-SE", "xx"]


@pytest.mark.parametrize(
    ("tag", "written", "spoken"),
    [
        # Codes: digits that stand apart, or follow a word that says so.
        ("en-US", "It is 4 8 2 9.", "It is 4 8 2 9."),
        ("en-US", "It is 4-8-2-9.", "It is 4 8 2 9."),
        ("en-US", "Your code is 123456, goodbye", "Your code is 1 2 3, 4 5 6, goodbye"),
        ("en-US", "PIN: 4829", "PIN: 4 8 2 9"),
        ("en-US", "123456 people", "123456 people"),
        ("en-US", "encode 4829", "encode 4829"),
        ("de", "Ihr Code lautet 123456", "Ihr Code lautet 1 2 3, 4 5 6"),
        ("fr", "votre code est le 4829", "votre code est le 4 8 2 9"),
        ("zh-CN", "您的验证码是123456。", "您的验证码是1 2 3, 4 5 6。"),
        ("ko", "인증번호 482915 입니다", "인증번호 4 8 2, 9 1 5 입니다"),
        ("hi", "आपका कोड 4829 है", "आपका कोड 4 8 2 9 है"),
        # Telephones, cards, accounts.
        ("en-US", "call +65 6123 4567", "call plus 6 5, 6 1 2 3, 4 5 6 7"),
        ("en-US", "(415) 555-2671", "4 1 5, 5 5 5, 2 6 7 1"),
        ("en-US", "4111 1111 1111 1111", "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1"),
        ("en-US", "order 0123", "order 0 1 2 3"),
        ("en-US", "order 1234567", "order 1 2 3, 4 5 6 7"),
        ("en-US", "room 101", "room 101"),
        ("en-US", "2020-2026", "2020-2026"),
        ("de", "+49 30 1234567", "+4 9, 3 0, 1 2 3 4 5 6 7"),
        ("zh-CN", "请致电+65 6123 4567。", "请致电加6 5, 6 1 2 3, 4 5 6 7。"),
        ("zh-HK", "٠١٢٣", "0 1 2 3"),
        # Money.
        ("en-US", "$12.50", "12 dollars and 50 cents"),
        ("en-US", "$1", "1 dollar"),
        ("en-US", "$0.01", "1 cent"),
        ("en-US", "$1,234", "1,234 dollars"),
        ("en-US", "SGD 12.50 is due", "12 Singapore dollars and 50 cents is due"),
        ("en-US", "12.50 EUR", "12 euros and 50 cents"),
        ("en-US", "£0.50", "50 pence"),
        ("en-US", "$1.5 million", "1.5 million dollars"),
        ("en-US", "ALL 12 rooms", "ALL 12 rooms"),
        ("de", "12,50 €", "12 Euro 50"),
        ("de", "€1.234", "1234 Euro"),
        ("fr", "12,50 €", "12 euros 50"),
        ("es-MX", "$12.50", "12 pesos mexicanos 50"),
        ("zh-CN", "共$12.50", "共12.5美元"),
        ("zh-HK", "$12", "12港元"),
        ("ru", "5 ₽, 21 ₽", "5 российских рублей, 21 российский рубль"),
        ("hi", "₹1,23,456", "123456 भारतीय रुपए"),
        # Dates.
        ("en-US", "on 2026-03-14", "on March 14, 2026"),
        ("en-US", "3/4/2026", "March 4, 2026"),
        ("en-US", "14/03/2026", "March 14, 2026"),
        ("en-GB", "3/4/2026", "3 April 2026"),
        ("de", "14.03.2026", "14. März 2026"),
        ("ru", "14.03.2026", "14 марта 2026"),
        ("zh-CN", "2026/3/14", "二零二六年3月14日"),
        ("ar", "14/03/2026", "14 مارس 2026"),
        ("en-US", "2026-13-40", "2 0 2 6, 1 3, 4 0"),
        ("en-US", "1.2.3", "1.2.3"),
        # Times.
        ("en-US", "at 17:05", "at 5 oh 5 PM"),
        ("en-US", "at 5:30 p.m.", "at 5 30 PM"),
        ("en-US", "9:00", "9 o'clock"),
        ("en-US", "00:15", "12 15 AM"),
        ("de", "um 17:05 Uhr", "um 17 Uhr 5"),
        ("es-ES", "a las 17:05", "a las 17 y 5"),
        ("fr", "à 17:05", "à 17 heures 5 minutes"),
        ("zh-CN", "下午5:05", "下午5点零5分"),
        ("zh-HK", "17:30", "17點30分"),
        ("ko", "17:05에", "오후 다섯시 5분에"),
        ("hi", "17:05 बजे", "17 बजकर 5 मिनट"),
        ("ru", "в 21:01", "в 21 час 1 минута"),
        ("en-US", "2026-03-14T17:05", "March 14, 2026 5 oh 5 PM"),
        # Quantities in the way of another language, and percent where engines do not know it.
        ("de", "1,234,567.50", "1234567,50"),
        ("de", "3.14", "3,14"),
        ("de", "1.234", "1234"),
        ("en-US", "1.234.567,50", "1,234,567.50"),
        ("en-US", "3.14", "3.14"),
        ("en-US", "1,234,567.50", "1,234,567.50"),
        ("zh-CN", "50%", "百分之50"),
        ("ko", "50%", "50 퍼센트"),
        ("en-US", "50%", "50%"),
        # Ordinals that their engine does not know; the others are its own.
        ("fr", "le 2e étage", "le deuxième étage"),
        ("nl", "de 3de dag", "de derde dag"),
        ("en-US", "the 2nd", "the 2nd"),
        # Words with digits, addresses, versions.
        ("en-US", "A380, 5G, B2B, 12km", "A380, 5G, B2B, 12km"),
        ("en-US", "192.168.1.1", "192.168.1.1"),
        ("sv-SE", "kl 17:05, 50 kr, 1234567", "kl 17 timmar 5 minuter, 50 kr, 1 2 3, 4 5 6 7"),
        ("xx", "17:05, $12", "17:05, $12"),
        ("fr", "３ ｅｎｆａｎｔｓ", "3 enfants"),
    ],
)
def test_it_is_spoken_as_a_person_would_read_it(tag: str, written: str, spoken: str) -> None:
    assert spoken_form(written, tag) == spoken


@pytest.mark.parametrize("tag", TAGS)
def test_every_language_has_words_for_money_dates_and_times(tag: str) -> None:
    for written in ("SGD 12", "2026-03-14", "17:05"):
        spoken = spoken_form(written, tag)
        assert spoken != written or tag == "xx"
        assert "duration" not in spoken


NUMBERS = st.from_regex(
    r"(\$|€|SGD |\+|code |PIN: )?[0-9]{1,5}([ .,:/%-][0-9]{1,4}){0,4}( ?€| pm| Uhr|%)?",
    fullmatch=True,
)
TEXTS = st.lists(st.one_of(NUMBERS, st.text(max_size=12)), max_size=6).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=60), TEXTS), tag=st.sampled_from(TAGS))
def test_it_never_raises(text: str, tag: str) -> None:
    spoken_form(text, tag)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, tag=st.sampled_from(TAGS))
def test_words_without_digits_are_never_lost(text: str, tag: str) -> None:
    marked = f"{text} Tisch\nStuhl {text}"
    assert "Tisch\nStuhl" in spoken_form(marked, tag)


@settings(max_examples=300, deadline=None)
@given(text=NUMBERS, language=st.sampled_from(LANGUAGES))
def test_what_is_written_out_is_in_a_script_that_the_voice_reads(
    text: str, language: Language
) -> None:
    assert readable(spoken_form(text, language.tag), language.scripts)


@settings(max_examples=200, deadline=None)
@given(digits=st.from_regex(r"[0-9]{4,12}", fullmatch=True), tag=st.sampled_from(TAGS))
def test_a_code_keeps_all_its_digits_in_their_order(digits: str, tag: str) -> None:
    spoken = spoken_form(f"code {digits}", tag)
    assert "".join(re.findall(r"\d", spoken)) == digits
    assert not re.search(r"\d\d", spoken)


@pytest.mark.parametrize("text", ["1'", "12 ", "1.1", "+1", "code ", "(12)", "12:", "4 "])
def test_long_texts_take_time_in_proportion(text: str) -> None:
    """Backtracking would take minutes, which nothing here waits for."""
    spoken = spoken_form(text * 5000, "en-US")
    assert re.findall(r"\d", spoken) == re.findall(r"\d", text) * 5000


REPEATED = ("#", "*", "#*", "### ", "***-", "1#", "-", ".", "1-", "1.", "1 ", "a.", "a1")


@pytest.mark.parametrize("tag", ["en-US", "de-DE", "zh-CN", "ru-RU"])
@pytest.mark.parametrize("repeated", REPEATED)
def test_what_looks_like_something_until_its_end_is_given_up_at_once(
    repeated: str, tag: str
) -> None:
    """A line of signs before a letter. Backtracking would take longer than the machine lasts."""
    for end in ("x", "é", "#", "*", "@", "$", "!"):
        spoken = spoken_form(repeated * 300 + end, tag)
        assert re.findall(r"\d", spoken) == re.findall(r"\d", repeated) * 300
