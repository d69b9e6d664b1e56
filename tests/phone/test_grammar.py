"""Values of header fields: the short way, which most of them go, says what the long way says."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onhook.phone import grammar

_PIECES = (
    "<", ">", "<sip:a@h>", "<sip:+6531234567@192.0.2.1:5060;user=phone>", "<tel:+65;phone-context=x>",
    '"', '"A B"', '"A, \\"B\\""', "\\", "Alice", "Alice B. ", "Ä", ";", ";tag=abc", ";tag=", ";tag", ";TAG=x",
    "; tag = y", ";tag=a;tag=b", ';tag="q"', ";lr", ";x=y=z", ";expires=60", "=", ",", ", ", ",,", " ", "\t",
    "\u00a0", "sip:a@h", "mailto:x", "INVITE", "ACK", "%41", "?a=b", "(c)", ";branch=z9hG4bK1", ";rport",
)  # fmt: skip
_TEXTS = st.lists(st.sampled_from(_PIECES) | st.characters(max_codepoint=0x17F), max_size=8).map(
    "".join
)


def said(read: Callable[..., Any], *args: Any, **more: Any) -> object:
    try:
        return read(*args, **more)
    except ValueError:
        return ValueError


@given(_TEXTS, st.booleans())
@example('"A" <sip:a@h>;tag=x', True)
@example("A(b) <sip:a@h>;tag=x", False)
@example(f"<sip:{'a' * 500}@h>;tag={'b' * 100}", True)
def test_addresses(text: str, strict: bool) -> None:
    assert said(grammar.name_addr, text, strict=strict) == said(
        grammar.any_name_addr, text, strict=strict
    )


@given(_TEXTS)
@example("")
@example(";")
@example(";a=b;A=c;d;e==")
def test_parameters(text: str) -> None:
    assert said(grammar.parameters, text) == said(grammar.any_parameters, text)


@given(_TEXTS)
@example("INVITE, ACK,,BYE ,")
@example('"a,b" <sip:x>, <sip:y,z>')
def test_lists(text: str) -> None:
    several = said(grammar.any_list, text)
    assert said(grammar.split_list, text) == (several if "," in text else [text.strip()])


@pytest.mark.parametrize("blanks", ["", " ", "\t "])
def test_a_via_however_it_is_spaced(blanks: str) -> None:
    text = f"sip{blanks}/{blanks}2.0{blanks}/{blanks}udp [::1]{blanks}:{blanks}5060{blanks};rport;Branch=x"
    read = grammar.via(text)
    assert read == grammar.Via("UDP", "[::1]", 5060, {"rport": "", "branch": "x"})
    assert read.branch == "x"
