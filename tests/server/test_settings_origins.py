"""Which origins a setting takes."""

import pytest

from onhook.server.settings import SettingsError, load


@pytest.mark.parametrize(
    ("given", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://Shop.example.com", ("https://shop.example.com",)),
        (
            "http://localhost:3000, chrome-extension://abc,moz-extension://1-2",
            ("http://localhost:3000", "chrome-extension://abc", "moz-extension://1-2"),
        ),
        ("http://[::1]:80", ("http://[::1]:80",)),
    ],
)
def test_origins(given: str, origins: tuple[str, ...]) -> None:
    assert load(cors_origins=given).cors_origins == origins


@pytest.mark.parametrize(
    "given", ["shop.example.com", "https://shop.example.com/", "https://a b", "null", "https://*.example.com"]
)  # fmt: skip
def test_what_is_no_origin(given: str) -> None:
    with pytest.raises(SettingsError, match="--cors-origins cannot be used: expected https://HOST"):
        load(cors_origins=given)
