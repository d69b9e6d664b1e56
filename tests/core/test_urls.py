import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notify.doubles import allows
from onhook.notify.addresses import AddressPolicy, canonical
from onhook.urls import MAX_LENGTH, UnusableUrl, UrlRefused, WebUrl, parse, stored


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "target"),
    [
        ("http://example.com", "http", "example.com", 80, "/"),
        ("https://example.com", "https", "example.com", 443, "/"),
        ("HTTPS://Example.COM/A", "https", "example.com", 443, "/A"),
        ("http://example.com:8080/x", "http", "example.com", 8080, "/x"),
        ("http://example.com:/x", "http", "example.com", 80, "/x"),
        ("http://example.com:00080/x", "http", "example.com", 80, "/x"),
        ("http://example.com:1/", "http", "example.com", 1, "/"),
        ("http://example.com:65535/", "http", "example.com", 65535, "/"),
        ("http://example.com./x", "http", "example.com", 80, "/x"),
        ("http://localhost/", "http", "localhost", 80, "/"),
        ("http://my_app-1.internal/", "http", "my_app-1.internal", 80, "/"),
        ("http://r3---sn-x.example.com/", "http", "r3---sn-x.example.com", 80, "/"),
        ("http://1password.com/", "http", "1password.com", 80, "/"),
        ("http://127.0.0.1.example.com/", "http", "127.0.0.1.example.com", 80, "/"),
        ("http://xn--fa-hia.de/", "http", "xn--fa-hia.de", 80, "/"),
        ("http://faß.de/", "http", "xn--fa-hia.de", 80, "/"),
        ("http://BÜCHER.example/", "http", "xn--bcher-kva.example", 80, "/"),
        ("http://例え。テスト/", "http", "xn--r8jz45g.xn--zckzah", 80, "/"),
        ("http://8.8.8.8/", "http", "8.8.8.8", 80, "/"),
        ("http://\uff18.8.8.8/", "http", "8.8.8.8", 80, "/"),  # full-width digit
        ("http://[2606:4700::1111]/", "http", "2606:4700::1111", 80, "/"),
        ("http://[2606:4700:0:0:0:0:0:1111]:81/", "http", "2606:4700::1111", 81, "/"),
        ("http://h/a/../b/./c//d/%2e%2E/%7e?x=%zz&y", "http", "h", 80,
         "/a/../b/./c//d/%2e%2E/%7e?x=%zz&y"),
        ("http://h?q=1", "http", "h", 80, "/?q=1"),
        ("http://h/?", "http", "h", 80, "/?"),
        ("http://h/?a=b?c=/d@e:f", "http", "h", 80, "/?a=b?c=/d@e:f"),
        ("http://h/x#frag?not=query", "http", "h", 80, "/x"),
        ("http://h#frag", "http", "h", 80, "/"),
        ("http://h/|<>[]{}^`\"'", "http", "h", 80, "/|<>[]{}^`\"'"),
        ("http://h/日?ö=+%20é", "http", "h", 80, "/%E6%97%A5?%C3%B6=+%20%C3%A9"),
    ],
)  # fmt: skip
def test_takes_apart(text: str, scheme: str, host: str, port: int, target: str) -> None:
    url = parse(text)
    assert (url.scheme, url.host, url.port, url.target) == (scheme, host, port, target)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "http://"),
        ("example.com", "http://"),
        ("//example.com/", "http://"),
        ("ftp://example.com/", "http://"),
        ("file:///etc/passwd", "http://"),
        ("gopher://example.com/", "http://"),
        ("javascript://example.com/", "http://"),
        ("http:/example.com/", "http://"),
        ("http:example.com/", "http://"),
        ("https:\\\\example.com/", "backslash"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://?q", "no host"),
        ("http://:80/", "no host"),
        ("http://./", "not a valid name"),
        ("http://a..b/", "not a valid name"),
        ("http://a.b../", "not a valid name"),
        ("http://.a/", "not a valid name"),
        ("http://-a.example/", "not a valid name"),
        ("http://a-.example/", "not a valid name"),
        ("http://a%2eb/", "not a valid name"),
        ("http://a,b/", "not a valid name"),
        ("http://a;b/", "not a valid name"),
        ("http://a$b/", "not a valid name"),
        ("http://a*b/", "not a valid name"),
        (f"http://{'a' * 64}.example/", "not a valid name"),
        (f"http://{'a.' * 127}com/", "not a valid name"),
        ("http://user@example.com/", "user name"),
        ("http://user:password@example.com/", "user name"),
        ("http://@example.com/", "user name"),
        ("http://good.example@127.0.0.1/", "user name"),
        ("http://example.com\\@127.0.0.1/", "backslash"),
        ("http://example.com/\\", "backslash"),
        (" http://example.com/", "blank"),
        ("http://example.com/ ", "blank"),
        ("http://example.com/a b", "blank"),
        ("http://example.com/\u3000", "blank"),
        ("http://example.com/\u2028", "blank"),
        ("http://exam\tple.com/", "blank"),
        ("http://example.com/\r\nHost: x", "blank"),
        ("http://example.com/\x00", "control"),
        ("http://example.com/\x7f", "control"),
        ("http://example.com/\x9b", "control"),
        ("http://example.com/\ud800", "half a character"),
        ("http://example.com:0/", "port"),
        ("http://example.com:65536/", "port"),
        ("http://example.com:000080/", "port"),
        ("http://example.com:-1/", "port"),
        ("http://example.com:+80/", "port"),
        ("http://example.com:8_0/", "port"),
        ("http://example.com:http/", "port"),
        ("http://example.com:\u0661/", "port"),  # an Arabic digit
        ("http://example.com:80:80/", "colon"),
        ("http://::1/", "colon"),
        ("http://2606:4700::1111/", "colon"),
        ("http://[::1/", "bracket"),
        ("http://[::1]x/", "bracket"),
        ("http://::1]/", "colon"),
        ("http://[::1%25eth0]/", "zone"),
        ("http://[fe80::1%eth0]/", "zone"),
        ("http://[127.0.0.1]/", "IPv6"),
        ("http://[v1.x]/", "IPv6"),
        ("http://[]/", "IPv6"),
        ("http://[localhost]/", "IPv6"),
        ("http://0/", "plain notation"),
        ("http://1/", "plain notation"),
        ("http://2130706433/", "plain notation"),
        ("http://0x7f000001/", "plain notation"),
        ("http://0X7F000001/", "plain notation"),
        ("http://017700000001/", "plain notation"),
        ("http://0177.0.0.1/", "plain notation"),
        ("http://0x7f.0.0.1/", "plain notation"),
        ("http://0x7f.1/", "plain notation"),
        ("http://127.1/", "plain notation"),
        ("http://127.0.1/", "plain notation"),
        ("http://127.0.0.01/", "plain notation"),
        ("http://127.0.0.1./", "plain notation"),
        ("http://127.0.0.256/", "plain notation"),
        ("http://1.2.3.4.5/", "plain notation"),
        ("http://example.0x/", "plain notation"),
        ("http://example.com.1/", "plain notation"),
        ("http://\uff10\uff58\uff17f\u3002\uff11/", "plain notation"),  # 0x7f.1, full-width
        ("http://\u2460\u2461\u2466.1/", "plain notation"),  # circled digits
        ("http://\u2603.example/", "internationalised"),
        ("http://\u202ea.example/", "internationalised"),
        ("http://a\u00ad/x/\u200b\ud83d", "half a character"),
        ("http://" + "\u00e9" * 300 + "/", "not a valid name"),
        ("http://" + "\u00e9" * 100 + "/", "internationalised"),
        (f"http://example.com/{'a' * MAX_LENGTH}", "longer"),
    ],
)  # fmt: skip
def test_refuses_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(UrlRefused, match=why):
        parse(text)


def test_length_is_counted_in_characters_of_the_text_given() -> None:
    prefix = "http://example.com/"
    longest = prefix + "\u00e9" * (MAX_LENGTH - len(prefix))
    assert len(parse(longest).target) > MAX_LENGTH
    with pytest.raises(UrlRefused, match="4000"):
        parse(longest + "x")
    with pytest.raises(UrlRefused):
        parse(prefix, max_length=len(prefix) - 1)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("http://example.com/", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("http://example.com:443/", "example.com:443"),
        ("https://example.com:443/", "example.com"),
        ("https://[2606:4700::1]/", "[2606:4700::1]"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
    ],
)
def test_host_header(text: str, header: str) -> None:
    assert parse(text).host_header == header


def test_one_host_has_one_origin() -> None:
    texts = ["http://example.com", "HTTP://EXAMPLE.com.:80/other?x", "http://example.com:00080/#y"]
    assert len({parse(text).origin for text in texts}) == 1


def test_another_query() -> None:
    url = parse("https://example.com:8443/a?b=c#d")
    assert str(url) == "https://example.com:8443/a?b=c"
    assert str(url.with_query("b=c&d=e")) == "https://example.com:8443/a?b=c&d=e"


PIECES = st.sampled_from(
    ["http://", "https://", "@", ":", "[", "]", "/", "?", "#", ".", "%", "0x", "127", "1", "::1",
     "::ffff:10.0.0.1", "localhost", "\\", "\t", "\u3002", "\uff11", "é", "xn--", "-", "80", "a"]
)  # fmt: skip
HOSTILE = st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join)
IN_PLACE_OF_A_HOST = st.text(max_size=12).map(lambda host: f"http://{host}/")
NUMBERS = st.lists(
    st.integers(0, 2**32).map(str) | st.integers(0, 2**32).map(hex) | st.integers(0, 999).map(oct),
    min_size=1,
    max_size=5,
).map(lambda parts: "http://" + ".".join(part.replace("0o", "0") for part in parts))


@given(HOSTILE | IN_PLACE_OF_A_HOST | NUMBERS | st.text())
@example("http://127.0.0.1")
@example("http://[::ffff:127.0.0.1]")
def test_never_anything_but_a_clear_answer(text: str) -> None:
    try:
        url = parse(text)
    except UrlRefused as refused:
        assert refused.detail
        return
    assert url.target.isascii()
    assert url.target.startswith("/")
    assert " " not in url.target
    if url.literal is None:
        # Nothing that a resolver would take for an address passes as a name.
        with pytest.raises(OSError):
            socket.inet_aton(url.host)
        with pytest.raises(ValueError):
            ip_address(url.host)
    else:
        # A literal host is seen by the policy as what it is.
        assert ip_address(url.host) == url.literal
        if allows(AddressPolicy(), url.literal):
            assert not canonical(url.literal).is_private
    # Parsing is stable, and another parser agrees on whom we talk to.
    assert parse(str(url), 10**6) == url
    other = urlsplit(str(url))
    assert (other.hostname or "").strip("[]") == url.host
    assert (other.port or {"http": 80, "https": 443}[other.scheme]) == url.port


def test_what_was_stored_is_a_url_or_says_why_not() -> None:
    usable = stored("HTTPS://Example.com/a#b")
    assert isinstance(usable, WebUrl)
    assert (usable.text, str(usable)) == ("HTTPS://Example.com/a#b", "https://example.com/a")
    assert usable == parse("https://example.com/a")
    assert usable.with_query("b=c").text == "https://example.com/a?b=c"
    unusable = stored("ftp://example.com/")
    assert isinstance(unusable, UnusableUrl)
    assert unusable.text == "ftp://example.com/"
    assert "http://" in unusable.detail
