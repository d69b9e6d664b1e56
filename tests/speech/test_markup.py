"""Messages as customers send them, and as nobody should."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.message import Fetch, Message, Say
from onhook.speech import markup
from onhook.speech.engines.english import EnglishVoice
from onhook.speech.errors import MarkupError, MessageError
from onhook.speech.voices import Catalogue, Gender

ENGLISH = Catalogue([EnglishVoice()])


def say(text: str) -> Say:
    return Say(text, "en-US", Gender.FEMALE)


UNDERSTOOD: list[tuple[str, Message]] = [
    ("Thank you for calling.", (say("Thank you for calling."),)),
    ("  two\n lines\t", (say("two lines"),)),
    ("100%", (say("100%"),)),
    ("Salt & pepper", (say("Salt & pepper"),)),
    ("Salt &amp; pepper", (say("Salt & pepper"),)),
    ("AT&T;", (say("AT&T;"),)),
    ("5 &lt; 6 > 4", (say("5 < 6 > 4"),)),
    ("caf&#xE9;", (say("caf\u00e9"),)),
    ("caf&eacute;&nbsp;cr&egrave;me", (say("caf\u00e9 cr\u00e8me"),)),
    (
        "&laquo;&Eacute;t&eacute;&raquo; &hellip; &copy; 5&euro;",
        (say("\u00ab\u00c9t\u00e9\u00bb \u2026 \u00a9 5\u20ac"),),
    ),
    ("5 &LT; 6 &AMP; 7 &nosuch; &eacute", (say("5 < 6 & 7 &nosuch; &eacute"),)),
    ("&amp;eacute;", (say("&eacute;"),)),
    ("&fjlig;ord", (say("fjord"),)),  # a name for two characters
    ("a&Tab;b&NewLine;c", (say("a b c"),)),
    ("<![CDATA[&eacute;]]>", (say("&eacute;"),)),
    ('<speech language="e&#110;">Ol&eacute;</speech>', (say("Ol\u00e9"),)),
    (
        "<url>http://example.com/?a=1&copy=2&reg=3</url>",
        (Fetch("http://example.com/?a=1&copy=2&reg=3"),),
    ),
    ("cafe\u0301", (say("caf\u00e9"),)),
    ("<speech>Hello</speech>", (say("Hello"),)),
    ('<speech language="en">Hello</speech>', (say("Hello"),)),
    ('<speech language="EN-us" gender="Female">Hello</speech>', (say("Hello"),)),
    ("<speech language='en-GB'>Colour</speech>", (say("Colour"),)),
    ('<speech gender="FEMALE">Hello</speech>', (say("Hello"),)),
    ('<speech language="en_US">Hello</speech>', (say("Hello"),)),
    ('<speech gender="">Hello</speech>', (say("Hello"),)),
    ('<speech language=" en&#10;" gender=" ">Hello</speech>', (say("Hello"),)),
    ("<speech><![CDATA[fish & chips < 5]]></speech>", (say("fish & chips < 5"),)),
    ("<![CDATA[a & b]]> & c", (say("a & b & c"),)),
    ("Hello<!-- not you --> there", (say("Hello there"),)),
    ("<url>http://example.com/a.mp3</url>", (Fetch("http://example.com/a.mp3"),)),
    ("<url>\n https://example.com/a.wav </url>", (Fetch("https://example.com/a.wav"),)),
    (
        "<url>http://example.com/x?b=1&c=2</url>",
        (Fetch("http://example.com/x?b=1&c=2"),),
    ),
    (
        "<url>http://example.com/x?b=1&amp;c=2</url>",
        (Fetch("http://example.com/x?b=1&c=2"),),
    ),
    ("<url>HTTP://[2001:db8::1]:8080/a.gsm</url>", (Fetch("HTTP://[2001:db8::1]:8080/a.gsm"),)),
    (
        "Your code: <speech>4 2</speech>. <url>http://example.com/end.mp3</url> Bye!",
        (say("Your code:"), say("4 2"), Fetch("http://example.com/end.mp3"), say("Bye!")),
    ),
    (
        "<url>http://a/1.mp3</url>\n<url>http://a/2.mp3</url>",
        (Fetch("http://a/1.mp3"), Fetch("http://a/2.mp3")),
    ),
]

XML = "error_msg_invalid_xml"
LANGUAGE = "error_msg_invalid_language"
GENDER = "error_msg_invalid_gender"
URL = "error_msg_invalid_url"
TEXT = "error_msg_cannot_convert_text"

BROKEN: list[tuple[str, str]] = [
    ("a < b", XML),
    ("<speech>no end", XML),
    ("<speech>wrong end</url>", XML),
    ("no begin</speech>", XML),
    ("</message>", XML),
    ("a</message><message>b", XML),
    ("a</message><!--", XML),
    ("<Speech>capital</Speech>", XML),
    ("<message>root</message>", XML),
    ("<b>bold</b>", XML),
    ("<speech><b>bold</b></speech>", XML),
    ("<speech><url>http://a/1.mp3</url></speech>", XML),
    ("<url><speech>a</speech></url>", XML),
    ('<speech lang="en">a</speech>', XML),
    ('<speech language="en" language="en">a</speech>', XML),
    ('<speech xml:lang="en">a</speech>', XML),
    ('<speech xmlns="urn:x">a</speech>', XML),
    ('<url loop="2">http://a/1.mp3</url>', XML),
    ("<speech language=en>a</speech>", XML),
    ('<!DOCTYPE x [<!ENTITY a "b">]>&a;', XML),
    ('<?xml version="1.0"?>hello', XML),
    ("hello <?php echo 1 ?>", XML),
    ("<x:speech>a</x:speech>", XML),
    ("bell \x07", XML),
    ("nul \x00", XML),
    ("bell &#7;", XML),
    ("delete &#127;", XML),
    ("next line &#x85;", XML),
    ("half \ud800 a pair", XML),
    ("not a character \uffff", XML),
    ("beyond &#x110000;", XML),
    ("]]>", XML),
    ("<![CDATA[ a & b", XML),
    ("&" * 70_000, XML),
    ("a" * 65_537, XML),
    ("\u8acb" * 22_000, XML),
    ('<speech language="xx">a</speech><b>', XML),  # syntax first
    ('<speech language="xx">a</speech>', LANGUAGE),
    ('<speech language="zh-HK" gender="female">a</speech>', LANGUAGE),
    ('<speech language="th">a</speech>', LANGUAGE),
    ('<speech language="zh-XX-99">a</speech>', LANGUAGE),
    ('<speech language="en-XX-99">a</speech>', LANGUAGE),
    ('<speech language="">a</speech>', LANGUAGE),
    ('<speech language="xx" gender="xx">a</speech>', LANGUAGE),
    ('<speech gender="male">a</speech>', GENDER),
    ('<speech gender="robot">a</speech>', GENDER),
    ("<url></url>", URL),
    ("<url/>", URL),
    ("<url>example.com/a.mp3</url>", URL),
    ("<url>ftp://example.com/a.mp3</url>", URL),
    ("<url>file:///etc/passwd</url>", URL),
    ("<url>http:///a.mp3</url>", URL),
    ("<url>http://</url>", URL),
    ("<url>http://a b/c.mp3</url>", URL),
    ("<url>http://a\\b/c.mp3</url>", URL),
    ("<url>http://[::1/a.mp3</url>", URL),
    ("<url>http://a:99999/a.mp3</url>", URL),
    ("<url>http://a:0/a.mp3</url>", URL),
    ("<url>http://a:x/a.mp3</url>", URL),
    ("", TEXT),
    (" \r\n\t ", TEXT),
    ("...!?", TEXT),
    ("\U0001f600", TEXT),
    ("&amp;", TEXT),
    ("<!-- hello -->", TEXT),
    ("<speech></speech>", TEXT),
    ("Hello <speech> - </speech>", TEXT),
    ("<speech/><url>nonsense</url>", TEXT),  # the first fault decides
]


@pytest.mark.parametrize(("msg", "message"), UNDERSTOOD)
def test_messages_are_understood(msg: str, message: Message) -> None:
    assert markup.parse(msg, ENGLISH) == message


@pytest.mark.parametrize(("msg", "status"), BROKEN)
def test_broken_messages_say_what_is_broken(msg: str, status: str) -> None:
    with pytest.raises(MarkupError) as raised:
        markup.parse(msg, ENGLISH)
    assert raised.value.status == status
    assert raised.value.detail.endswith(".")


def leaves(error: type[MessageError]) -> list[type[MessageError]]:
    below = error.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [error]


def test_every_leaf_of_the_tree_has_a_status_and_a_sentence() -> None:
    known = {XML, LANGUAGE, GENDER, URL, TEXT, "error_msg_download_failed"}
    known |= {"error_msg_invalid_file_format", "error_msg_invalid_file_size"}
    assert {leaf.status for leaf in leaves(MessageError)} == known
    assert all(leaf().detail.endswith(".") for leaf in leaves(MessageError))


def test_a_private_message_is_in_no_representation_of_it() -> None:
    message = markup.parse("secret <url>http://secret/a.mp3</url>", ENGLISH)
    assert "secret" not in repr(message)


def test_the_largest_message_is_read() -> None:
    text = "word " * (markup.MAX_BYTES // 5)
    assert markup.parse(text, ENGLISH) == (say(text.strip()),)


MARKUP = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                "<speech",
                ' language="en"',
                ' gender="male"',
                ">",
                "</speech>",
                "<url>",
                "</url>",
                "http://a/b.mp3",
                "&",
                "&amp;",
                "<![CDATA[",
                "]]>",
                "<!--",
                "-->",
                "<?x",
                "?>",
                "<speech>",
                "hello",
                "/",
                "<!DOCTYPE x>",
                "&#0;",
                "&#x41;",
                "</message>",
            ]
        ),
    ),
    max_size=12,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), MARKUP))
def test_whatever_is_sent_is_a_message_or_a_markup_error(msg: str) -> None:
    try:
        message = markup.parse(msg, ENGLISH)
    except MarkupError as error:
        assert error.status.startswith("error_msg_")
        return
    assert message
    for part in message:
        if isinstance(part, Say):
            assert any(character.isalnum() for character in part.text)
            assert part.text == markup.normalised(part.text)
        else:
            assert part.url.lower().startswith(("http://", "https://"))
