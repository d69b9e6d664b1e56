"""One row of the voice bf_emma of Kokoro (Apache-2.0), at half precision: enough to hear the real model."""

import base64

import numpy as np

_ROW = (
    "rLHMMR6tNaj1rHcm3KcZsF2wIS7eqjIk7i10MWozsrWeqIuyMSZ+ss+yzRpHrcQszBzcL96w+C8wMUkxoDRBsBgp"
    "2yw1rwcgLrF6LBUxdS1cJdCk4q8ZNN6t4bC9KAQvbTQQMJskdrBpLywyUCVJMukwsKt2s6EtRjazqdWzcbCHNIOv"
    "4DCeMe8of6wZpRkoeCqvIEysDq7irviyljDTsggwMaS0FDktQjLNLF+uxbDItJqumKx7q8Szcy5uJUGtFa+OqTCw"
    "IpYoryEo1aAarhouQDPZLeYvgjUcrGamYi9HL1ay6K9TNK2wzLF2r3g1CawGMv8TZSpTr3StDzPptOYr6S9TLvwv"
    "OK8WMweiSSPCtKgq6LAqLF4uhbAYIyCpSq3SJiEwvrHgHhWuqjEELAQrvaDKpiGyBq86NDgtnrDTqcowA7QAKhQz"
    "4iy2L7ymHCcKL4atETVfteeqU6xgtpqwfZq3MEe1Ny9BLjkvL7EaNbCxqbFFqTAwDbEnr1grdyqgNa8lXSndLJWq"
    "Py/oqgQ1MraEtFAkszA/sG0xjLGjs4cxtzBwJ3uzny5Xp6OwCrDdr6atSyE/Mvcw87IbrYKysScdrrit5KwpMJMs"
    "uaSxsaI1vTGptHsxDbMBKcUxgLLwMkozizJBsTSr67IkNXueL7PnsOMsYaZ2sdwzd68="
)


def voice() -> bytes:
    """A voice's file, with that row for every count of phonemes."""
    row = np.frombuffer(base64.b64decode(_ROW), "<f2").astype("<f4")
    return np.tile(row, 510).tobytes()
