from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from onhook.speech.engines.english import EnglishVoice
from onhook.speech.errors import InvalidGender, InvalidLanguage
from onhook.speech.voices import Catalogue, Gender, Sound


@dataclass(frozen=True)
class Speaker:
    language: str
    gender: Gender = Gender.FEMALE
    name: str = "somebody"
    engine: str = "double"
    version: str = "1"

    def warm(self) -> None: ...

    def synthesise(self, text: str) -> Iterator[Sound]:
        yield from ()


US = Speaker("en-US")
US_MAN = Speaker("en-US", Gender.MALE)
GB = Speaker("en-GB")
CANTONESE_MAN = Speaker("zh-HK", Gender.MALE)
MANY = Catalogue([US, US_MAN, GB, CANTONESE_MAN])


@pytest.mark.parametrize(
    ("language", "gender", "voice"),
    [
        (None, None, US),
        (None, "male", US_MAN),
        ("en", None, US),
        ("EN-us", "MALE", US_MAN),
        ("en-gb", None, GB),
        ("en-AU", "male", US_MAN),
        ("zh-HK", None, CANTONESE_MAN),
        ("zh", "Male", CANTONESE_MAN),
        ("zh-TW", None, CANTONESE_MAN),
        # As clients write them.
        ("zh_HK", None, CANTONESE_MAN),
        ("zh-Hant-HK", None, CANTONESE_MAN),
        (" en-GB\n", None, GB),
        ("en_gb", None, GB),
        ("en-GB-oed", None, GB),
        ("en-GB-oxendict", None, GB),
        ("en-GB-u-co-phonebk-x-a", None, GB),
        # An empty gender is none.
        ("en", "", US),
        ("zh-HK", " ", CANTONESE_MAN),
        ("en", " male\n", US_MAN),
    ],
)
def test_the_tag_then_the_language_is_looked_up(
    language: str | None, gender: str | None, voice: Speaker
) -> None:
    assert MANY.find(language, gender) is voice


CHINESE = Catalogue([US, *(Speaker(f"zh-{region}") for region in ("CN", "TW", "HK"))])


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("zh", "zh-CN"),
        ("zh-SG", "zh-CN"),
        ("zh-Hans", "zh-CN"),
        ("cmn-Hans-CN", "zh-CN"),
        ("zh-Hant", "zh-TW"),
        ("zh_TW", "zh-TW"),
        ("cmn-TW", "zh-TW"),
        ("zh-Hant-HK", "zh-HK"),
        ("zh-MO", "zh-HK"),
        ("yue", "zh-HK"),
        ("yue-Hant-HK", "zh-HK"),
        ("zh-yue", "zh-HK"),
    ],
)
def test_of_chinese_is_heard_what_the_tag_means(written: str, spoken: str) -> None:
    assert CHINESE.find(written).language == spoken


def test_a_voice_of_just_that_tag_goes_first() -> None:
    added = Catalogue([US, Speaker("zh-HK"), Speaker("yue"), Speaker("zh-Hant-HK")])
    for tag in ("yue", "zh-Hant-HK", "zh-HK"):
        assert added.find(tag).language == tag


@pytest.mark.parametrize(
    "language",
    [
        "zh-XX-99",
        "en-",
        "en--US",
        "en US",
        "en-US-u",
        "en_US.UTF-8",
        "x-private",
        "en-US-GB",
        "e",
        "",
        "-US",
        "en-123456789",
        "\u0435n",  # the first letter is Cyrillic
        "en-US\u0661",
    ],
)
def test_what_is_no_tag_is_refused_whatever_a_part_of_it_means(language: str) -> None:
    with pytest.raises(InvalidLanguage, match=r"not a language tag.* en-US, en-GB, zh-HK"):
        MANY.find(language)


@pytest.mark.parametrize("language", ["english", "th", "mul", "qaa"])
def test_a_language_that_nobody_speaks_is_refused(language: str) -> None:
    with pytest.raises(InvalidLanguage, match="en-US, en-GB, zh-HK"):
        MANY.find(language)


def test_a_gender_that_the_language_lacks_is_refused_with_the_one_it_has() -> None:
    with pytest.raises(InvalidGender, match="zh-HK is spoken here by a male voice only"):
        MANY.find("zh-HK", "female")
    with pytest.raises(InvalidGender, match="en-GB is spoken here by a female voice only"):
        MANY.find("en-GB", "male")


def test_a_gender_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidGender, match="not one of male and female"):
        MANY.find("en", "robot")


def test_the_catalogue_lists_what_can_be_spoken_and_nothing_else() -> None:
    assert MANY.languages() == {
        "en-US": (Gender.FEMALE, Gender.MALE),
        "en-GB": (Gender.FEMALE,),
        "zh-HK": (Gender.MALE,),
    }
    assert Catalogue([EnglishVoice()]).languages() == {"en-US": (Gender.FEMALE,)}


ADDED = Speaker("en-US", name="added")
FRENCH = Speaker("fr")
CANADIAN = Speaker("fr-CA", name="added")


def test_an_added_voice_speaks_in_place_of_ours() -> None:
    both = Catalogue([US, US_MAN, GB], instead=[ADDED, Speaker("en-US", name="later")])
    assert both.find() is both.find("en") is ADDED
    assert both.find("en", "male") is US_MAN
    assert both.find("en-GB") is GB
    assert set(both.voices) == {ADDED, US_MAN, GB}


def test_an_added_voice_of_a_region_speaks_for_the_bare_language() -> None:
    added = Catalogue([US, FRENCH], instead=[CANADIAN])
    assert added.find("fr") is added.find("fr-CA") is added.find("fr-FR") is CANADIAN
    assert added.find() is US
    assert added.voices == (US, CANADIAN)
    assert list(added.languages()) == ["en-US", "fr", "fr-CA"]


def test_an_added_language_does_not_become_the_default() -> None:
    added = Catalogue([US, GB], instead=[Speaker("en-AU"), Speaker("sv-SE")])
    assert added.find() is added.find("en") is US
    assert added.find("sv").language == "sv-SE"


def test_a_catalogue_without_a_voice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one voice"):
        Catalogue([])
