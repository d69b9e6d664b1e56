"""The formant voices: every language and gender that is offered is heard, and nothing else."""

import numpy as np
import pytest

from onhook.message import Say
from onhook.speech.engines import pico
from onhook.speech.engines.languages import LANGUAGES, Language
from onhook.speech.errors import CannotConvertText, InvalidLanguage
from onhook.speech.markup import parse
from onhook.speech.narrowband import RATE_HZ, Pcm
from onhook.speech.renderer import speech
from onhook.speech.scripts import LATIN
from onhook.speech.voices import Catalogue, Gender, quality

SENTENCES = {
    "en": "Thank you for your call, and good bye until tomorrow.",
    "zh": "多謝你嘅來電，請稍等一陣，我哋好快會答覆你。",
    "es": "Gracias por su llamada, por favor espere un momento.",
    "fr": "Merci de votre appel, veuillez patienter un instant.",
    "de": "Vielen Dank für Ihren Anruf, bitte warten Sie einen Moment.",
    "it": "Grazie per la chiamata, attenda un momento per favore.",
    "pt": "Obrigado pela sua chamada, por favor aguarde um momento.",
    "ru": "Спасибо за звонок, пожалуйста, подождите немного.",
    "ko": "전화해 주셔서 감사합니다. 잠시만 기다려 주세요.",
    "ms": "Terima kasih kerana menelefon, sila tunggu sebentar.",
    "id": "Terima kasih atas panggilan Anda, mohon tunggu sebentar.",
    "ta": "அழைத்தமைக்கு நன்றி, தயவுசெய்து சிறிது நேரம் காத்திருக்கவும்.",
    "hi": "कॉल करने के लिए धन्यवाद, कृपया थोड़ी देर प्रतीक्षा करें।",
    "vi": "Cảm ơn bạn đã gọi, xin vui lòng chờ trong giây lát.",
    "tr": "Aradığınız için teşekkür ederiz, lütfen biraz bekleyin.",
    "nl": "Bedankt voor uw oproep, een ogenblik geduld alstublieft.",
    "pl": "Dziękujemy za telefon, proszę chwilę poczekać.",
    "uk": "Дякуємо за дзвінок, будь ласка, зачекайте трохи.",
    "bn": "কল করার জন্য ধন্যবাদ, দয়া করে একটু অপেক্ষা করুন।",
    "fa": "از تماس شما متشکریم، لطفا کمی صبر کنید.",
    "ar": "شكرا لاتصالكم، يرجى الانتظار قليلا من فضلكم.",
}
TAGS = [language.tag for language in LANGUAGES]
PICO = [language.tag for language in pico.LANGUAGES]


def sentence(tag: str) -> str:
    return SENTENCES[tag.partition("-")[0]]


def spoken(voices: Catalogue, tag: str, gender: str, text: str) -> Pcm:
    return speech(voices.find(tag, gender), text)


def pitch_hz(pcm: Pcm) -> float:
    """The median pitch of the voiced stretches, by autocorrelation."""
    found = []
    for start in range(0, len(pcm) - 400, 200):
        frame = pcm[start : start + 400].astype(np.float64)
        frame -= frame.mean()
        energy = np.correlate(frame, frame, "full")[399:]
        if energy[0] < 400 * 500**2:
            continue
        lags = energy[RATE_HZ // 350 : RATE_HZ // 65] / energy[0]
        if lags.max() > 0.5:
            found.append(RATE_HZ / (RATE_HZ // 350 + int(lags.argmax())))
    return float(np.median(found))


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("tag", TAGS)
def test_every_language_is_heard(installed: Catalogue, tag: str, gender: str) -> None:
    voice = installed.find(tag, gender)
    engine = "pico" if tag in PICO else "espeak"
    assert (voice.language, voice.gender, voice.engine) == (tag, gender, engine)
    pcm = speech(voice, sentence(tag))
    assert 1.5 < len(pcm) / RATE_HZ < 9
    assert np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > 500
    loud = np.abs(pcm.astype(np.int32)).reshape(-1)[: len(pcm) // 800 * 800].reshape(-1, 800)
    assert (loud.max(axis=1) > 1000).mean() > 0.5  # it goes on to the end


def test_women_speak_higher_than_men(installed: Catalogue) -> None:
    higher = [
        pitch_hz(spoken(installed, tag, "female", sentence(tag)))
        > 1.1 * pitch_hz(spoken(installed, tag, "male", sentence(tag)))
        for tag in TAGS
    ]
    assert sum(higher) > 0.8 * len(TAGS)


def test_languages_differ(installed: Catalogue) -> None:
    """An engine that keeps its previous voice would speak them all alike."""
    text = "Terminal 25 international"
    lengths = {len(spoken(installed, tag, "male", text)) for tag in TAGS}
    assert len(lengths) > len(TAGS) / 2


def test_cantonese_is_not_mandarin(installed: Catalogue) -> None:
    cantonese = spoken(installed, "zh-HK", "male", "唔該你等一陣")
    mandarin = spoken(installed, "zh-CN", "male", "唔該你等一陣")
    assert len(cantonese) != len(mandarin)


@pytest.mark.parametrize(
    ("asked", "spoken_as", "engine"),
    [
        ("en", "en-US", "hibari"),
        ("en-AU", "en-US", "hibari"),
        ("en-gb", "en-GB", "pico"),
        ("zh", "zh-CN", "espeak"),
        ("ZH-hk", "zh-HK", "espeak"),
        ("zh-SG", "zh-CN", "espeak"),
        ("fr-FR", "fr", "pico"),
        ("fr-CA", "fr", "pico"),
        ("es", "es-ES", "pico"),
        ("pt-AO", "pt-PT", "espeak"),
    ],
)
def test_a_region_falls_back_to_its_language(
    installed: Catalogue, asked: str, spoken_as: str, engine: str
) -> None:
    voice = installed.find(asked)
    assert (voice.language, voice.gender, voice.engine) == (spoken_as, "female", engine)


@pytest.mark.parametrize("tag", ["th", "th-TH", "he", "my", "sv", "xx"])
def test_what_is_not_spoken_well_is_refused(installed: Catalogue, tag: str) -> None:
    with pytest.raises(InvalidLanguage):
        installed.find(tag)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("nl", "Hallo 中文"),
        ("pt-BR", "привет"),
        ("zh-HK", "こんにちは"),
        ("zh-CN", "สวัสดี"),
        ("ko", "中文"),
        ("ru", "नमस्ते"),
        ("hi", "வணக்கம்"),
        ("ta", "नमस्ते"),
        ("bn", "नमस्ते"),
        ("fa", "שלום"),
    ],
)
def test_another_script_is_refused(installed: Catalogue, tag: str, text: str) -> None:
    with pytest.raises(CannotConvertText, match="script") as raised:
        spoken(installed, tag, "male", text)
    assert text not in raised.value.detail


@pytest.mark.parametrize("language", [one for one in LANGUAGES if LATIN not in one.scripts[:1]])
def test_latin_words_within_another_script_are_spoken(
    installed: Catalogue, language: Language
) -> None:
    text = sentence(language.tag)
    alone = spoken(installed, language.tag, "female", text)
    assert len(spoken(installed, language.tag, "female", f"{text} Internet")) > len(alone) + 1600


def test_full_width_letters_and_digits_are_read(installed: Catalogue) -> None:
    wide = spoken(installed, "zh-CN", "female", "１２３ＡＢ")
    assert len(wide) == len(spoken(installed, "zh-CN", "female", "123AB"))


def test_markup_in_text_is_no_command_to_the_engine(installed: Catalogue) -> None:
    """Decoded text may look like markup or like phonemes of the engine; it is spoken as text."""
    pcm = spoken(installed, "nl", "female", 'a <break time="100s"/> b [[h@lou]]')
    assert len(pcm) / RATE_HZ < 20


def test_a_mere_pause_is_no_speech(installed: Catalogue) -> None:
    with pytest.raises(CannotConvertText, match="finds nothing"):
        spoken(installed, "nl", "female", "...")


def test_elements_of_a_message_find_their_voices(installed: Catalogue) -> None:
    msg = (
        'Hello <speech language="zh-hk" gender="male">你好</speech>'
        '<speech language="fr-CA">Bonjour</speech><speech gender="male">Bye</speech>'
    )
    assert [
        (part.language, part.gender) for part in parse(msg, installed) if isinstance(part, Say)
    ] == [
        ("en-US", Gender.FEMALE),
        ("zh-HK", Gender.MALE),
        ("fr", Gender.FEMALE),
        ("en-US", Gender.MALE),
    ]


def test_what_is_offered_is_both_genders_and_says_its_quality(installed: Catalogue) -> None:
    both = {Gender.FEMALE, Gender.MALE}
    assert {tag: set(genders) for tag, genders in installed.languages().items()} == dict.fromkeys(
        ["en-US", *TAGS, "ja"], both
    )
    assert quality(installed.find("en")) == quality(installed.find("en", "male")) == "neural"
    assert quality(installed.find("nl")) == "formant"
    assert quality(installed.find("zh-TW")) == "formant, mainland accent"
