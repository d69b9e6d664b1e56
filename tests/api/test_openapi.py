"""The OpenAPI document: valid, complete, and what the declarations say."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from blocks.plain_reader import PlainReader
from onhook.api import openapi
from onhook.blocks import (
    BLOCKS,
    DIAL,
    ENDPOINTS,
    HANGUP,
    NOTICES,
    PLAY,
    TRANSFER,
    Block,
    Endpoint,
    Notice,
    Refused,
    check_present,
    idempotency,
    parse,
    sip_headers,
    statuses,
)
from onhook.blocks.declaration import ALWAYS
from onhook.call import EndedBy

DOCUMENT = openapi.document(BLOCKS, "1.2.3", "https://voice.example.com")
ASKED: list[Block | Endpoint] = [*BLOCKS, *ENDPOINTS]
PLACED = ("voice_call", "voice_conference", "conference_call")
OPERATIONS = [(asked, method) for asked in ASKED for method in ("get", "post")]
TELLS: list[Block] = [block for block in BLOCKS if block.fields]
TOLD: list[Block | Notice] = [*TELLS, *NOTICES]


def ids(case: object) -> str:
    return case.slug if isinstance(case, Block | Endpoint | Notice) else str(case)


def operation(asked: Block | Endpoint, method: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][f"/open/{asked.path}"][method]
    return found


def resolve(ref: str) -> Any:
    assert ref.startswith("#/")
    found: Any = DOCUMENT
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def component(named: Block | Endpoint | Notice, suffix: str) -> dict[str, Any]:
    title = "".join(word.capitalize() for word in named.slug.split("_"))
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][title + suffix]
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document, at any depth."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def breaks(schema: dict[str, Any], value: object) -> list[str]:
    return [str(error) for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(value)]


# The document as such -------------------------------------------------------------------------


def test_it_is_valid_openapi() -> None:
    assert breaks(OPENAPI_31, DOCUMENT) == []


def test_a_document_that_is_not_valid_would_be_noticed() -> None:
    broken = {**DOCUMENT, "info": {"title": "Onhook"}}

    assert breaks(OPENAPI_31, broken)


def test_every_schema_is_a_valid_schema() -> None:
    schemas = [node["schema"] for node in nodes(DOCUMENT) if "schema" in node]
    schemas += DOCUMENT["components"]["schemas"].values()

    assert len(schemas) > 20
    for schema in schemas:
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )


def test_every_reference_leads_somewhere() -> None:
    refs = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]

    assert refs
    for ref in refs:
        assert resolve(ref)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [node["operationId"] for node in nodes(DOCUMENT) if "operationId" in node]

    assert len(names) == len(set(names)) == 2 * len(ASKED) + 5


def test_it_names_its_version_and_where_it_is_asked() -> None:
    assert DOCUMENT["info"]["version"] == "1.2.3"
    assert [server["url"] for server in DOCUMENT["servers"]] == ["https://voice.example.com"]


def test_it_survives_json() -> None:
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_a_server_without_blocks_has_a_document_too() -> None:
    assert breaks(OPENAPI_31, openapi.document((), "0", "/", (), ())) == []


# Requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_get_and_post_take_the_same(asked: Block | Endpoint) -> None:
    *query, header = operation(asked, "get")["parameters"]
    content = operation(asked, "post")["requestBody"]["content"]
    body = component(asked, "Request")

    # Of two types a widely used generator would announce the one and send the other.
    assert set(content) == {"application/x-www-form-urlencoded"}
    assert body["type"] == "object"
    assert all(resolve(media["schema"]["$ref"]) is body for media in content.values())
    assert [header] == operation(asked, "post")["parameters"]
    assert resolve(header["$ref"])["name"] == idempotency.HEADER
    assert {param["in"] for param in query} == {"query"}
    # Parameters of many names are one object, whose members are sent under their own.
    families = [param for param in query if param["schema"].get("type") == "object"]
    query = [param for param in query if param not in families]
    for family, names in zip(families, body.get("patternProperties", {}), strict=True):
        assert (family["style"], family["explode"]) == ("form", True)
        assert family["schema"]["propertyNames"] == {"pattern": names}
        member = family["schema"]["additionalProperties"]
        assert member.items() <= body["patternProperties"][names].items()
    assert [param["name"] for param in query] == list(body["properties"])
    assert [param["name"] for param in query if param["required"]] == body["required"]
    for param in query:
        assert param["schema"].items() <= body["properties"][param["name"]].items()


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_the_parameters_are_those_of_the_declaration(asked: Block | Endpoint) -> None:
    body = component(asked, "Request")

    named = [param for param in asked.params if not param.is_family]
    assert list(body["properties"]) == [*(param.name for param in named), idempotency.PARAM.name]
    assert body["required"] == [param.name for param in asked.params if param.required]
    for param in named:
        schema = body["properties"][param.name]
        assert schema.get("maxLength") == param.max_length
        assert schema.get("minLength") == (1 if param.required else None)
        # Only these have a closed list: force takes anything.
        assert ("enum" in schema) == (param.name in ("on_failure", "action", "mode"))


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_the_example_of_a_request_is_a_request(asked: Block | Endpoint) -> None:
    for media in operation(asked, "post")["requestBody"]["content"].values():
        examples = {name: example["value"] for name, example in media["examples"].items()}
        assert "usual" in examples
        for example in examples.values():
            assert breaks(component(asked, "Request"), example) == []
            check_present(asked, example)
            if isinstance(asked, Block):
                request = parse(asked, example, PlainReader())
                assert getattr(request, "session", "") == example.get("session", "")


def test_the_forced_hangup_has_an_example_without_a_message() -> None:
    for media in operation(HANGUP, "post")["requestBody"]["content"].values():
        forced = parse(HANGUP, media["examples"]["force"]["value"], PlainReader())
        assert forced.force
        assert forced.message is None


HEADERS = {
    "sip_header_X-Account": "7", "sip_header_x-A.b_c-1": "é", "sip_header_User-to-User": "00ff;encoding=hex",
}  # fmt: skip
NO_HEADERS = {
    "sip_header_From": "x",
    "sip_header_": "x",
    "sip_header_X-": "x",
    "sip_header_X-A b": "x",
}


@pytest.mark.parametrize("block", [DIAL, TRANSFER, HANGUP], ids=ids)
def test_headers_are_parameters_of_many_names(block: Block) -> None:
    """What the query's schema admits and what parsing takes are the same."""
    query = operation(block, "get")["parameters"]
    [family] = [param["schema"] for param in query if param.get("name") == "sip_headers"]
    body = component(block, "Request")

    assert breaks(family, HEADERS) == []
    for name, text in NO_HEADERS.items():
        assert breaks(family, {name: text})
        with pytest.raises(Refused):
            sip_headers.read({name: text})
    assert [value for _, value in sip_headers.read(HEADERS)] == list(HEADERS.values())
    [media] = operation(block, "post")["requestBody"]["content"].values()
    usual = media["examples"]["usual"]
    assert breaks(body, {**usual["value"], **HEADERS}) == []
    assert breaks(body, {**usual["value"], "sip_header_X-Account": "x" * 513})


def test_every_rejection_that_is_taken_is_described() -> None:
    schema = component(HANGUP, "Request")["properties"]["reject"]
    given = {"app_id": "A", "access_token": "T", "session": "S"}
    for text in (
        "busy",
        "Busy",
        "declined",
        "unavailable",
        "gone",
        *map(str, range(380, 720)),
        "0486",
    ):
        try:
            parse(HANGUP, {**given, "reject": text}, PlainReader())
        except Refused as refused:
            assert refused.status == "error_invalid_reject"
            assert breaks(schema, text), text
        else:
            assert breaks(schema, text) == [], text


@pytest.mark.parametrize(("asked", "method"), OPERATIONS, ids=ids)
def test_what_other_methods_get_is_told(asked: Block | Endpoint, method: str) -> None:
    described = operation(asked, method)["description"]

    assert "HTTP 200 and `error_invalid_http_method`" in described


# Replies --------------------------------------------------------------------------------------


def expanded(asked: Block | Endpoint) -> list[str]:
    """The statuses as they are sent, in the order of evaluation."""
    required = [param.name for param in asked.params if param.required]
    sent: list[str] = []
    for status in asked.statuses:
        if status == "error_X_param_missing":
            sent += [f"error_{name}_param_missing" for name in required]
        else:
            sent.append(status)
    return sent


@pytest.mark.parametrize(("asked", "method"), OPERATIONS, ids=ids)
def test_every_status_is_an_example_in_the_order_of_evaluation(
    asked: Block | Endpoint, method: str
) -> None:
    responses = operation(asked, method)["responses"]
    assert list(responses) == ["200"]
    examples = responses["200"]["content"]["application/json"]["examples"]

    assert list(examples) == expanded(asked)
    for status, example in examples.items():
        assert example["value"]["status"] == status
        assert breaks(component(asked, "Reply"), example["value"]) == []


def test_the_missing_parameters_are_named() -> None:
    assert [status for status in expanded(PLAY) if "missing" in status] == [
        "error_app_id_param_missing",
        "error_access_token_param_missing",
        "error_session_param_missing",
        "error_msg_param_missing",
    ]


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_every_error_is_explained_with_nothing_left_to_fill_in(asked: Block | Endpoint) -> None:
    response = operation(asked, "post")["responses"]["200"]
    examples = response["content"]["application/json"]["examples"]
    values = {status: example["value"] for status, example in examples.items()}

    assert "detail" not in values.pop(statuses.SUCCESS)
    for value in values.values():
        assert list(value) == ["status", "detail"]
        assert value["detail"].endswith(".")
        assert "%" not in value["detail"]


@pytest.mark.parametrize("asked", ASKED, ids=ids)
def test_the_schema_of_a_reply_admits_these_statuses_and_no_other(asked: Block | Endpoint) -> None:
    schema = component(asked, "Reply")

    assert schema["properties"]["status"]["enum"] == expanded(asked)
    assert breaks(schema, {"status": "error_invalid_app_id", "detail": "It is unknown."}) == []
    for wrong in (
        {},
        {"status": "error_X_param_missing", "detail": "Which?"},
        {"status": "error_invalid_app_id"},
        {"status": "error_invalid_app_id", "detail": 1},
    ):
        assert breaks(schema, wrong)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=ids)
def test_what_an_accepted_request_is_told_has_to_be_there(endpoint: Endpoint) -> None:
    schema = component(endpoint, "Reply")
    response = operation(endpoint, "get")["responses"]["200"]
    whole = response["content"]["application/json"]["examples"]["success_ok"]["value"]
    always = {field.name for field in endpoint.fields if field.when == ALWAYS}
    always |= {"entries"} if endpoint.entry else set()

    assert always <= set(whole)
    for name in always:
        assert breaks(schema, {key: value for key, value in whole.items() if key != name})
    if endpoint.entry:
        assert breaks(schema, {**whole, "entries": [{}]})


def test_the_limits_stand_in_the_sentences() -> None:
    content = operation(HANGUP, "get")["responses"]["200"]["content"]
    examples = content["application/json"]["examples"]

    assert "1001 characters; at most 1000" in examples["error_msg_invalid_length"]["summary"]
    assert "257 characters; at most 256" in examples["error_tag_invalid_length"]["summary"]


@pytest.mark.parametrize(("asked", "method"), OPERATIONS, ids=ids)
def test_the_headers_of_a_reply_are_documented(asked: Block | Endpoint, method: str) -> None:
    assert set(operation(asked, method)["responses"]["200"]["headers"]) == {
        "Retry-After",
        idempotency.REPLAYED_HEADER,
    }


# Notifications --------------------------------------------------------------------------------


def test_what_tells_nothing_takes_no_notify_url() -> None:
    silent = [block for block in BLOCKS if block not in TELLS]

    assert [block.slug for block in silent] == ["hold", "voice_hangup", "conference_moderate"]
    for block in silent:
        assert "notify_url" not in {param.name for param in block.params}
        assert "callbacks" not in operation(block, "post")


@pytest.mark.parametrize("block", TELLS, ids=ids)
def test_the_notification_goes_to_the_notify_url_of_either_method(block: Block) -> None:
    by_get = operation(block, "get")["callbacks"]["notification"]
    by_post = operation(block, "post")["callbacks"]["notification"]

    assert list(by_get) == ["{$request.query.notify_url}"]
    assert list(by_post) == ["{$request.body#/notify_url}"]
    assert [*by_get.values()] == [*by_post.values()]
    assert set(resolve(by_get["{$request.query.notify_url}"]["$ref"])) == {"post"}


@pytest.mark.parametrize("told", TOLD, ids=ids)
def test_the_fields_are_those_of_the_declaration(told: Block | Notice) -> None:
    schema = component(told, "Notification")

    named = [field.name for field in told.fields if not field.is_family]
    assert list(schema["properties"]) == named
    assert schema["properties"]["ivr_block"]["enum"] == [told.name]
    assert schema["properties"]["ended_by"]["enum"] == [by.value for by in EndedBy]
    assert {"ivr_block", "session", "txn_ref", "tag", "call_state"} <= set(schema["required"])


@pytest.mark.parametrize("told", TOLD, ids=ids)
def test_the_example_of_a_notification_conforms(told: Block | Notice) -> None:
    title = "".join(word.capitalize() for word in told.slug.split("_"))
    item = DOCUMENT["components"]["pathItems"][f"{title}Notification"]
    content = item["post"]["requestBody"]["content"]
    assert list(content) == ["application/x-www-form-urlencoded", "application/json"]
    form, as_json = content.values()
    assert form == as_json
    example = form["examples"]["usual"]["value"]
    assert {type(value) for value in example.values()} == {str}

    assert breaks(component(told, "Notification"), example) == []
    assert example["ivr_block"] == told.name
    assert ("debit" in example) == (example["call_state"] == "ended")
    # A call that came in has no dest; those that only we place have nothing else.
    assert ("dest" in example) == (told.slug in ("dial", *PLACED))
    assert ("from" in example) == (told.slug not in ("dial", *PLACED))


def test_incoming_calls_are_a_webhook() -> None:
    assert list(DOCUMENT["webhooks"]) == [notice.name for notice in NOTICES] == ["answer"]


def test_the_headers_of_a_notification_are_those_that_are_sent() -> None:
    item = DOCUMENT["components"]["pathItems"]["HangupNotification"]
    headers = item["post"]["parameters"]

    assert {header["name"] for header in headers} == {
        "X-Hoiio-Signature",
        "X-Onhook-Event",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
    assert {header["in"] for header in headers} == {"header"}
