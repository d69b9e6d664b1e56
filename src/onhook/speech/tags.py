"""Language tags as clients write them (RFC 5646, "BCP 47"), and those that a voice is looked up by.

    written                  looked up, unless a voice has just that tag
    zh_HK, ZH-hk             zh-hk      POSIX writes an underscore; case means nothing (2.1.1)
    zh-Hant-HK               zh-hk      where there is a region, the script says nothing of the speech
    zh-Hant                  zh-tw      who writes traditional characters and names no region
    yue, zh-yue, zh-MO       zh-hk      what is spoken there
    in                       id         a code that was replaced (2.2.8)

Pure. What is not well-formed is no tag, whatever a part of it would mean: `zh-XX-99`, `en_US.UTF-8`.
"""

import re
from typing import Final

# Section 2.1, without tags that are for private use only: nobody can know their language.
_WELL_FORMED: Final = re.compile(
    r"""
    (?P<language> [a-z]{2,3} (?:-[a-z]{3}){0,3} | [a-z]{4,8} )
    (?: -(?P<script> [a-z]{4} ) )?
    (?: -(?P<region> [a-z]{2} | [0-9]{3} ) )?
    (?: - (?: [a-z0-9]{5,8} | [0-9][a-z0-9]{3} ) )*
    (?: -[0-9a-wyz] (?: -[a-z0-9]{2,8} )+ )*
    (?: -x (?: -[a-z0-9]{1,8} )+ )?
    """,
    re.VERBOSE | re.ASCII,
)
_IRREGULAR: Final = {"en-gb-oed": "en-gb"}  # well-formed by a list, not by the grammar

# What is spoken under a tag that names it otherwise: replaced codes, extended languages, and regions
# and scripts of Chinese. The others are found by their language.
_SPOKEN: Final = {
    "yue": "zh-hk", "zh-yue": "zh-hk", "zh-mo": "zh-hk", "cmn": "zh-cn", "zh-cmn": "zh-cn",
    "zh-hant": "zh-tw", "zh-hans": "zh-cn", "es-419": "es-mx", "in": "id",
}  # fmt: skip


def looked_up(tag: str) -> tuple[str, ...]:
    """The tags, in lower case, under which to look for who speaks `tag`: as it is, and as it is spoken.

    Empty for what is not well-formed. Blanks and line ends around it are not part of it.
    """
    written = tag.strip().lower().replace("_", "-")
    found = _WELL_FORMED.fullmatch(_IRREGULAR.get(written, written))
    if found is None:
        return ()
    language, script, region = found["language"], found["script"], found["region"]
    return written, _spoken(language, script if region is None else None, region)


def _spoken(language: str, script: str | None, region: str | None) -> str:
    language = _SPOKEN.get(language, language)
    rest = region or script
    tag = f"{language.partition('-')[0]}-{rest}" if rest else language
    return _SPOKEN.get(tag, tag)
