"""Kana in the phonemes that Kokoro was trained with; the table is that of misaki (Apache-2.0)."""

from collections.abc import Iterable
from typing import Final

_TABLE: Final = (
    "ァ a ア a ィ i イ i ゥ ɯ ウ ɯ ェ e エ e ォ o オ o カ ka ガ ɡa キ kʲi ギ ɡʲi ク kɯ グ ɡɯ ケ ke "
    "ゲ ɡe コ ko ゴ ɡo サ sa ザ ʣa シ ɕi ジ ʥi ス sɨ ズ zɨ セ se ゼ ʣe ソ so ゾ ʣo タ ta ダ da チ ʨi "
    "ヂ ʥi ツ ʦɨ ヅ zɨ テ te デ de ト to ド do ナ na ニ ɲi ヌ nɯ ネ ne ノ no ハ ha バ ba パ pa ヒ çi "
    "ビ bʲi ピ pʲi フ ɸɯ ブ bɯ プ pɯ ヘ he ベ be ペ pe ホ ho ボ bo ポ po マ ma ミ mʲi ム mɯ メ me モ mo "
    "ャ ja ヤ ja ュ jɯ ユ jɯ ョ jo ヨ jo ラ ɾa リ ɾʲi ル ɾɯ レ ɾe ロ ɾo ヮ βa ワ βa ヰ i ヱ e ヲ o "
    "ヴ vɯ ヵ ka ヶ ke ヷ va ヸ vʲi ヹ ve ヺ vo イェ je ウィ βi ウェ βe ウォ βo キェ kʲe キャ kʲa "
    "キュ kʲɨ キョ kʲo ギャ ɡʲa ギュ ɡʲɨ ギョ ɡʲo クァ kᵝa クィ kᵝi クェ kᵝe クォ kᵝo グァ ɡᵝa グィ ɡᵝi "
    "グェ ɡᵝe グォ ɡᵝo シェ ɕe シャ ɕa シュ ɕɨ ショ ɕo ジェ ʥe ジャ ʥa ジュ ʥɨ ジョ ʥo チェ ʨe チャ ʨa "
    "チュ ʨɨ チョ ʨo ヂャ ʥa ヂュ ʥɨ ヂョ ʥo ツァ ʦa ツィ ʦʲi ツェ ʦe ツォ ʦo ティ tʲi テュ tʲɨ "
    "ディ dʲi デュ dʲɨ トゥ tɯ ドゥ dɯ ニェ ɲe ニャ ɲa ニュ ɲɨ ニョ ɲo ヒェ çe ヒャ ça ヒュ çɨ ヒョ ço "
    "ビャ bʲa ビュ bʲɨ ビョ bʲo ピャ pʲa ピュ pʲɨ ピョ pʲo ファ ɸa フィ ɸʲi フェ ɸe フォ ɸo フュ ɸʲɨ "
    "フョ ɸʲo ミャ mʲa ミュ mʲɨ ミョ mʲo リャ ɾʲa リュ ɾʲɨ リョ ɾʲo ヴァ va ヴィ vʲi ヴェ ve ヴォ vo "
    "ヴュ bʲɨ ヴョ bʲo"
)
_WRITTEN: Final = _TABLE.split()
_PHONEMES: Final = dict(zip(_WRITTEN[::2], _WRITTEN[1::2], strict=True))
_MARKS: Final = {"。": ".", "、": ",", "？": "?", "！": "!", "・": " ", "：": ":", "；": ";"}

# How a syllable's n sounds before what begins so; elsewhere it is ɴ.
_N_BEFORE: Final = (
    ("mpb", "m"), ("kɡ", "ŋ"), ("ɲʨʥ", "ɲ"), ("ntdɾz", "n"),
)  # fmt: skip
_N: Final = "ン"
_LONG: Final = "ー"
_STOP: Final = "ッ"


def phonemes(words: Iterable[str]) -> str:
    """Words in katakana, as they are pronounced, in phonemes; a blank between words, none before a mark."""
    written = ""
    for word in words:
        if word and all(character in _MARKS for character in word):
            written = written.rstrip() + "".join(_MARKS[character] for character in word) + " "
        elif found := _word(word):
            written += found + " "
    return written.strip()


def _word(word: str) -> str:
    found, place = "", 0
    while place < len(word):
        length = 2 if word[place : place + 2] in _PHONEMES else 1
        mora, following = word[place : place + length], word[place + length : place + length + 2]
        place += length
        if mora == _N:
            found += _n_before(_PHONEMES.get(following) or _PHONEMES.get(following[:1], ""))
        elif mora == _LONG:
            found += "ː"
        elif mora == _STOP:
            found += "ʔ" if following else ""
        else:
            found += _PHONEMES.get(mora, "")
    return found


def _n_before(sound: str) -> str:
    for beginnings, n in _N_BEFORE:
        if sound[:1] in beginnings and sound:
            return n
    return "ɴ"
