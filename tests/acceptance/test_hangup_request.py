"""How a Hangup is asked for: methods, encodings, parameters, and which fault is reported first."""

import json
from urllib.parse import quote, urlencode

import pytest

from acceptance.asking import (
    FORM,
    OK,
    ask,
    assert_refused,
    assert_untouched,
    credentials,
    form,
    sentence,
)
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer
from onhook.testing.call_log import How

JSON = "application/json"
BY_FORCE = {"force": "enabled"}
UNKNOWN_SESSION = "S00000000000000000000"


# Success ---------------------------------------------------------------------------------------


async def test_get_with_a_query_string(customer: Customer) -> None:
    call, told = await customer.call()
    answer = await ask(customer.server, "GET", query=form(customer, session=told["session"]))
    assert (answer.http_status, answer.json) == (200, OK)
    assert answer.headers["content-type"] == JSON
    assert (await call.ended()).how is How.REJECTED


async def test_post_with_a_form(customer: Customer) -> None:
    call, told = await customer.call()
    body = form(customer, session=told["session"]).encode()
    answer = await ask(customer.server, "POST", body=body)
    assert (answer.http_status, answer.json) == (200, OK)
    assert (await call.ended()).how is How.REJECTED


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_blanks_and_line_ends_around_what_was_pasted(customer: Customer, method: str) -> None:
    """A token that is read from a file ends with its line, and a session that is copied with a blank."""
    call, told = await customer.call()
    pasted = {
        "app_id": f" {customer.app_id}\r\n",
        "access_token": f"\ufeff{customer.access_token}\n",
        "session": f"\t{told['session']} ",
    }
    text = urlencode(pasted)
    if method == "GET":
        answer = await ask(customer.server, method, query=text)
    else:
        answer = await ask(customer.server, method, body=text.encode())
    assert answer.json == OK
    assert (await call.ended()).how is How.REJECTED


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_parameter(customer: Customer, files: FileServer, method: str) -> None:
    """msg, tag and notify_url at their greatest length; force with a value that means nothing."""
    url = f"{files.serve('bye.wav', BEEP)}?pad="
    notify_url = customer.receiver.url("/end?pad=")
    params = {
        "force": "disabled",
        "msg": f"<url>{url}{'x' * (1000 - len(url) - 11)}</url>",
        "tag": "\N{LATIN SMALL LETTER A WITH DIAERESIS}" * 256,
        "notify_url": notify_url + "x" * (4000 - len(notify_url)),
    }
    assert [len(params[name]) for name in ("msg", "tag", "notify_url")] == [1000, 256, 4000]
    call, told = await customer.call()
    text = form(customer, session=told["session"], **params)
    in_query = method == "GET"
    answer = await ask(
        customer.server,
        method,
        query=text if in_query else "",
        body=b"" if in_query else text.encode(),
    )
    assert answer.json == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=told["session"])
    assert (last.path, last["tag"]) == ("/end", params["tag"])


async def test_a_form_that_is_labelled_as_json(customer: Customer) -> None:
    """One browser client does this, without percent-encoding."""
    call, told = await customer.call()
    plain = "&".join(
        f"{name}={value}"
        for name, value in {
            **credentials(customer),
            "session": told["session"],
            "tag": "a+b",
            "notify_url": customer.receiver.url("/end"),
        }.items()
    )
    answer = await ask(customer.server, "POST", body=plain.encode(), content_type=JSON)
    assert answer.json == OK
    assert (await call.ended()).how is How.REJECTED
    assert (await customer.receiver.next(session=told["session"]))["tag"] == "a b"


async def test_a_json_object_after_a_byte_order_mark(customer: Customer) -> None:
    call, told = await customer.call()
    body = b"\xef\xbb\xbf" + json.dumps({**credentials(customer), **BY_FORCE}).encode()
    query = f"session={told['session']}"
    answer = await ask(customer.server, "POST", query=query, body=body, content_type=JSON)
    assert answer.json == OK
    assert (await call.ended()).how is How.REJECTED


@pytest.mark.parametrize("content_type", [JSON, FORM, "text/plain"])
async def test_a_json_object(customer: Customer, content_type: str) -> None:
    """Read as such whatever its label says; numbers as their text, null as absent."""
    call, told = await customer.call()
    given = {
        **credentials(customer),
        "session": told["session"],
        "tag": 7,
        "force": None,
        "notify_url": customer.receiver.url("/end"),
    }
    body = json.dumps(given).encode()
    answer = await ask(customer.server, "POST", body=body, content_type=content_type)
    assert answer.json == OK
    assert (await call.ended()).how is How.REJECTED
    assert (await customer.receiver.next(session=told["session"]))["tag"] == "7"


async def test_parameters_in_the_query_and_in_the_body(customer: Customer) -> None:
    """They are taken together; what both name counts as the body has it."""
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end")
    answer = await ask(
        customer.server,
        "POST",
        query=form(customer, tag="query", session=UNKNOWN_SESSION),
        body=f"session={told['session']}&tag=body&notify_url={quote(notify_url)}".encode(),
    )
    assert answer.json == OK
    assert (await call.ended()).how is How.REJECTED
    assert (await customer.receiver.next(session=told["session"]))["tag"] == "body"


async def test_empty_optional_parameters_count_as_absent(customer: Customer) -> None:
    call, told = await customer.call()
    empty = {"force": "", "msg": "", "tag": "", "notify_url": ""}
    assert await customer.hangup(told["session"], **empty) == OK
    assert (await call.ended()).how is How.REJECTED


async def test_unknown_parameters_are_ignored(customer: Customer) -> None:
    call, told = await customer.call()
    assert await customer.hangup(told["session"], dest="+6511111111", nonsense="%00") == OK
    assert (await call.ended()).how is How.REJECTED


@pytest.mark.parametrize("value", ["disabled", "true", "1", "Enabled", "enabled "])
async def test_any_other_value_of_force_counts_as_not_given(customer: Customer, value: str) -> None:
    """So msg may be given, and is what is wrong here."""
    await assert_refused(customer, "error_msg_invalid_xml", force=value, msg="<b>")


# Method and encoding ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
async def test_error_invalid_http_method(customer: Customer, method: str) -> None:
    """Whatever the parameters are; with 200, like every error of the API."""
    call, told = await customer.call()
    for session in (told["session"], UNKNOWN_SESSION):
        answer = await ask(customer.server, method, query=form(customer, session=session))
        assert answer.http_status == 200
        assert answer.json["status"] == "error_invalid_http_method"
        sentence(answer.json)
    await assert_untouched(customer, call, told)


async def test_head_is_an_invalid_method_and_has_no_body(customer: Customer) -> None:
    call, told = await customer.call()
    answer = await ask(customer.server, "HEAD", query=form(customer, session=told["session"]))
    assert (answer.http_status, answer.body) == (200, b"")
    await assert_untouched(customer, call, told)


MALFORMED = (
    "tag=%FF",  # not UTF-8
    "tag=%ED%A0%80",  # half a surrogate pair
    "tag=%C0%AF",  # overlong
    "tag=%",
    "tag=%4",
    "tag=%zz",
    "%FF=1",  # in the name
    "unknown=%FF",  # in a parameter that would be ignored
    "tag=%00",
    "&".join(f"p{n}=" for n in range(1000)),
)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_error_malformed_params(customer: Customer, method: str) -> None:
    call, told = await customer.call()
    for parameter in MALFORMED:
        text = f"{form(customer, session=told['session'])}&{parameter}"
        in_query = method == "GET"
        answer = await ask(
            customer.server,
            method,
            query=text if in_query else "",
            body=b"" if in_query else text.encode(),
        )
        assert answer.http_status == 200, parameter
        assert answer.json["status"] == "error_malformed_params", parameter
        sentence(answer.json)
    await assert_untouched(customer, call, told)


UNREADABLE = (
    (b"tag=\xff\xfe", FORM),
    (b"\x80\x81\x82", "application/octet-stream"),
    (b'{"tag": ["a"]}', JSON),
    (b'{"tag": {}}', JSON),
    (b'{"tag": "\\ud800"}', JSON),
    (b'{"tag": "a",}', JSON),
    (b'{"tag": "a"', JSON),
    (b"{'tag': 'a'}", FORM),
    (b'{"tag": "a"}{}', "text/plain"),
    (b'{"tag": NaN}', JSON),
    (b'{"tag": "\xff"}', JSON),
    (b'["tag=a"]', JSON),
    (b'"tag=a"', JSON),
    (b"null", JSON),
    (b"tag", "application/problem+json; charset=utf-8"),
    (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    (b"tag=" + b"x" * 300_000, FORM),
)


async def test_a_body_that_cannot_be_read(customer: Customer) -> None:
    call, told = await customer.call()
    for body, content_type in UNREADABLE:
        answer = await ask(
            customer.server,
            "POST",
            query=form(customer, session=told["session"]),
            body=body,
            content_type=content_type,
        )
        assert answer.http_status == 200, body[:80]
        assert answer.json["status"] == "error_malformed_params", body[:80]
    await assert_untouched(customer, call, told)


# Who asks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, ""])
@pytest.mark.parametrize("name", ["app_id", "access_token", "session"])
async def test_error_x_param_missing(customer: Customer, name: str, given: str | None) -> None:
    """Absent or empty is the same."""
    call, told = await customer.call()
    params: dict[str, object] = {"session": told["session"], name: given}
    async with customer.api as api:
        for reply in (
            await api.post("ivr/end/hangup", **params),
            await api.get("ivr/end/hangup", **params),
        ):
            assert reply["status"] == f"error_{name}_param_missing"
            assert name in sentence(reply)
    await assert_untouched(customer, call, told)


async def test_missing_parameters_are_named_in_declared_order(customer: Customer) -> None:
    given: dict[str, str] = {}
    for name in ("app_id", "access_token", "session"):
        query = "&".join(f"{key}={value}" for key, value in given.items())
        answer = await ask(customer.server, "GET", query=query)
        assert answer.json["status"] == f"error_{name}_param_missing"
        given[name] = "wrong"


@pytest.mark.parametrize("token", ["A" * 16, "x", "\N{SNOWMAN}", "t" * 5000])
async def test_error_invalid_access_token(customer: Customer, token: str) -> None:
    await assert_refused(customer, "error_invalid_access_token", access_token=token)


async def test_error_invalid_access_token_of_another_application(customer: Customer) -> None:
    other = await Customer.make(customer.server, customer.receiver, customer.phone)
    detail = await assert_refused(
        customer, "error_invalid_access_token", access_token=other.access_token
    )
    assert other.access_token not in detail
    await assert_refused(customer, "error_invalid_access_token", app_id=other.app_id)


@pytest.mark.parametrize("app_id", ["A" * 16, "x", "\N{SNOWMAN}", "a" * 5000])
async def test_error_invalid_app_id(customer: Customer, app_id: str) -> None:
    await assert_refused(customer, "error_invalid_app_id", app_id=app_id)


# Lengths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["x", "\N{CJK UNIFIED IDEOGRAPH-8ACB}", "<"])
async def test_error_msg_invalid_length(customer: Customer, character: str) -> None:
    """1001 characters, not bytes, markup included; the length is looked at before the markup."""
    detail = await assert_refused(customer, "error_msg_invalid_length", msg=character * 1001)
    assert "1001" in detail
    assert "1000" in detail


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}"])
async def test_error_tag_invalid_length(customer: Customer, character: str) -> None:
    detail = await assert_refused(customer, "error_tag_invalid_length", tag=character * 257)
    assert "257" in detail
    assert "256" in detail


async def test_a_notify_url_of_4001_characters(customer: Customer) -> None:
    notify_url = customer.receiver.url("/end?pad=").ljust(4001, "x")
    await assert_refused(customer, "error_invalid_notify_url", notify_url=notify_url)


# The order of evaluation -----------------------------------------------------------------------

STEPS = [
    ("error_app_id_param_missing", {"app_id": ""}),
    ("error_access_token_param_missing", {"access_token": ""}),
    ("error_session_param_missing", {"session": ""}),
    ("error_invalid_access_token", {"access_token": "nobody's"}),
    ("error_invalid_app_id", {"app_id": "nobody's"}),
    ("error_msg_invalid_length", {"msg": "<" * 1001}),
    ("error_msg_invalid_xml", {"msg": '<url>x</url><speech language="xx">a</speech'}),
    ("error_msg_invalid_language", {"msg": '<speech language="xx">a</speech>'}),
    ("error_msg_invalid_gender", {"msg": '<speech gender="none">a</speech><url>x</url>'}),
    ("error_msg_invalid_url", {"msg": "<url>ftp://x/a.wav</url>"}),
    ("error_tag_invalid_length", {"tag": "x" * 257}),
    ("error_invalid_notify_url", {"notify_url": "nonsense"}),
    ("error_invalid_session", {"session": UNKNOWN_SESSION}),
    ("error_cannot_play_msg_with_force", {"force": "enabled", "msg": "<url>http://a/b.xyz</url>"}),
    ("error_unable_to_resolve_notify_url", {"notify_url": "http://no-such-host.invalid/"}),
    ("error_msg_invalid_file_format", {"msg": "<url>http://127.0.0.1/b.xyz</url>"}),
]
"""A status and what breaks its rule, in the documented order."""


async def test_of_several_faults_the_first_decides(customer: Customer) -> None:
    """Breaks a rule and everything behind it. Where two need the same parameter, the earlier has it."""
    call, told = await customer.call()
    for at, (status, _) in enumerate(STEPS):
        params = {"session": told["session"]}
        for _, broken in reversed(STEPS[at:]):
            params |= broken
        reply = await customer.post("ivr/end/hangup", **params)
        assert reply["status"] == status
        sentence(reply)
    await assert_untouched(customer, call, told)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_the_method_is_looked_at_before_anything(customer: Customer, method: str) -> None:
    answer = await ask(customer.server, method, query="tag=%FF", body=b"\xff")
    assert answer.json["status"] == "error_invalid_http_method"


async def test_malformed_is_looked_at_before_missing(customer: Customer) -> None:
    answer = await ask(customer.server, "GET", query="tag=%FF")
    assert answer.json["status"] == "error_malformed_params"
