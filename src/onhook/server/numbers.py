"""Phone numbers, as people and trunks write them, in E.164. Pure."""

import re

_INTERNATIONAL = re.compile(r"\+?[1-9][0-9]{4,14}")
_BETWEEN = str.maketrans("", "", " -.()")


def e164(text: str) -> str | None:
    """The number with ``+`` and country code; None for what cannot be one.

    A trunk may leave out the ``+`` or write an international prefix ``00``. A leading blank is a
    ``+`` that was not percent-encoded (reference, section 1).
    """
    if text.startswith(" "):
        text = "+" + text[1:]
    text = text.translate(_BETWEEN)
    if text.startswith("00"):
        text = "+" + text[2:]
    if not _INTERNATIONAL.fullmatch(text):
        return None
    return text if text.startswith("+") else f"+{text}"
