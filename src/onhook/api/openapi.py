"""The API as an OpenAPI 3.1 document, read off the declarations. Pure.

It says what the server does, not what it might be expected to: API errors are HTTP 200, and a value
that the server tolerates is not forbidden here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from onhook.api import reference
from onhook.api.reference import Asked, Tells, markdown
from onhook.api.schemas import Json, of_family, of_param, schemas, title
from onhook.blocks import (
    ENDPOINTS,
    NOTICES,
    Block,
    Endpoint,
    Kind,
    Notice,
    Param,
    idempotency,
)

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_GET_NOTIFY_URL = "{$request.query.notify_url}"
_POST_NOTIFY_URL = "{$request.body#/notify_url}"
_BLOCKS: Final = "blocks"
_AROUND: Final = "around the blocks"
_SERVER: Final = "server"


def document(
    blocks: Sequence[Block],
    version: str,
    server_url: str,
    notices: Sequence[Notice] = NOTICES,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
) -> Json:
    """The whole document.

    ``version`` is that of the server, ``server_url`` where it is asked: absolute, or ``/`` for wherever
    the document itself came from.
    """
    tells: tuple[Tells, ...] = (*blocks, *notices)
    told = [one for one in tells if one.fields]
    asked: tuple[Asked, ...] = (*blocks, *endpoints)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Onhook",
            "version": version,
            "summary": "Steer real phone calls by HTTP, one block at a time.",
            "description": _paragraphs(reference.TRANSPORT),
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server_url}],
        "tags": [
            {"name": _BLOCKS, "description": "What an application asks of a call."},
            {"name": _AROUND, "description": "The account, its calls, its rates and its numbers."},
            {"name": _SERVER, "description": "For whoever runs the server."},
        ],
        "paths": {
            **{f"/open/{one.path}": _request(one) for one in asked},
            **_server_paths(),
        },
        "webhooks": {notice.name: _path_item_ref(notice) for notice in notices},
        "components": {
            "schemas": schemas(asked, told),
            "parameters": {idempotency.HEADER: _idempotency_header()},
            "pathItems": {f"{title(one)}Notification": _notification(one) for one in told},
        },
    }


# Requests -----------------------------------------------------------------------------------------


def _request(asked: Asked) -> Json:
    header = {"$ref": f"#/components/parameters/{idempotency.HEADER}"}
    get: Json = {
        **_described(asked, "by GET", f"{asked.slug}_get"),
        "parameters": [*map(_query_parameter, reference.params(asked)), header],
        "responses": {"200": _response(asked)},
    }
    examples = {name: {"value": body} for name, body in reference.requests(asked).items()}
    content = {"schema": _ref(title(asked) + "Request"), "examples": examples}
    post: Json = {
        **_described(asked, "by POST", asked.slug),
        "parameters": [header],
        # The server reads JSON too. But of two types a widely used generator announces JSON, and
        # sends a form that is empty.
        "requestBody": {"required": True, "content": {FORM: content}},
        "responses": {"200": _response(asked)},
    }
    if any(param.kind is Kind.NOTIFY_URL for param in asked.params):
        get["callbacks"] = {"notification": {_GET_NOTIFY_URL: _path_item_ref(asked)}}
        post["callbacks"] = {"notification": {_POST_NOTIFY_URL: _path_item_ref(asked)}}
    return {"get": get, "post": post}


def _described(asked: Asked, how: str, operation_id: str) -> Json:
    return {
        "operationId": operation_id,
        "tags": [_BLOCKS if isinstance(asked, Block) else _AROUND],
        "summary": f"{asked.summary.removesuffix('.')}, {how}.",
        "description": _paragraphs((asked.doc, *asked.notes, reference.METHODS)),
    }


def _query_parameter(param: Param) -> Json:
    if param.is_family:
        # The object's own members are the parameters; its name is not sent.
        return {
            "name": param.attribute,
            "in": "query",
            "required": False,
            "style": "form",
            "explode": True,
            "description": markdown(param.doc),
            "schema": of_family(param),
        }
    return {
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": markdown(param.doc),
        "schema": of_param(param),
    }


def _idempotency_header() -> Json:
    return {
        "name": idempotency.HEADER,
        "in": "header",
        "required": False,
        "description": f"The same as `{idempotency.PARAM.name}`, and counts before it.",
        "schema": {"type": "string", "maxLength": idempotency.KEY_MAX},
    }


def _response(asked: Asked) -> Json:
    return {
        "description": (
            "The request was accepted, or refused with the first of these statuses that applies; "
            "the examples stand in the order of evaluation."
        ),
        "headers": {
            "Retry-After": {
                "description": "Seconds to wait; with `error_rate_limit_exceeded` only.",
                "schema": {"type": "integer", "minimum": 1},
            },
            idempotency.REPLAYED_HEADER: {
                "description": "This reply was given before, to a request with the same key.",
                "schema": {"type": "string", "const": "true"},
            },
        },
        "content": {
            JSON: {
                "schema": _ref(title(asked) + "Reply"),
                "examples": {
                    reply.status: {"summary": reply.sentence, "value": reply.body}
                    for reply in reference.replies(asked)
                },
            }
        },
    }


# Notifications ------------------------------------------------------------------------------------


def _notification(told: Tells) -> Json:
    # Every value is a text in both formats, so one schema describes them.
    content = {
        "schema": _ref(title(told) + "Notification"),
        "examples": {"usual": {"value": reference.notification(told)}},
    }
    return {
        "post": {
            "tags": [_BLOCKS],
            "summary": f"Notification with ivr_block={told.name}.",
            "description": _paragraphs(reference.DELIVERY),
            # In place, since a widely used generator does not follow references within pathItems.
            "parameters": [_signature(name, doc) for name, doc in reference.SIGNATURES.items()],
            "requestBody": {"required": True, "content": {FORM: content, JSON: content}},
            "responses": {
                "2XX": {"description": "Delivered. The body is not read."},
                "410": {"description": "Not wanted any more: there is no further attempt."},
                "default": {"description": "Sent again later."},
            },
        }
    }


def _signature(name: str, doc: str) -> Json:
    return {
        "name": name,
        "in": "header",
        # Without a webhook secret there is nothing to sign with.
        "required": name != "webhook-signature",
        "description": markdown(doc),
        "schema": {"type": "string"},
    }


# The server itself --------------------------------------------------------------------------------


_VOICES: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "language": {"type": "string", "description": "A language tag (RFC 5646)."},
            "gender": {"type": "string", "enum": ["female", "male"]},
            "engine": {"type": "string"},
            "quality": {"type": "string"},
            "errors": {
                "type": ["number", "null"],
                "description": "The share of words (in Chinese, Japanese and Korean of characters) that a "
                "recogniser did not understand on the telephone; null where it was not measured.",
            },
            "understood": {
                "type": ["boolean", "null"],
                "description": "Whether ``errors`` meets the target of its kind of voice; null where nobody "
                "can tell. False: it speaks when it is asked for, as before, but do not rely on it.",
            },
            "licence": {"type": "string"},
        },
        "required": [
            "language",
            "gender",
            "engine",
            "quality",
            "errors",
            "understood",
            "licence",
        ],
    },
}


def _server_paths() -> Json:
    return {
        "/healthz": {
            "get": _plain(
                "healthz",
                "Whether the server takes new calls.",
                {
                    "200": _state("It does.", "ready"),
                    "503": _state(
                        "Not now: ``degraded`` names what does not work, and since when; or not any "
                        "more.",
                        "degraded",
                        "draining",
                    ),
                },
            )
        },
        "/metrics": {
            "get": _plain(
                "metrics",
                "What an operator watches, in the Prometheus text format.",
                {"200": _content("Every metric.", "text/plain", {"type": "string"})},
            )
        },
        "/voices": {
            "get": _plain(
                "voices",
                "Who speaks: what ``<speech>`` may ask for.",
                {"200": _content("Every voice, the default first.", JSON, _VOICES)},
            )
        },
        "/openapi.json": {
            "get": _plain(
                "openapi",
                "This document.",
                {"200": _content("OpenAPI 3.1.", JSON, {"type": "object"})},
            )
        },
        "/docs": {
            "get": _plain(
                "docs",
                "The reference, as a page to read.",
                {"200": _content("The page.", "text/html", {"type": "string"})},
            )
        },
    }


def _plain(operation_id: str, summary: str, responses: Mapping[str, Json]) -> Json:
    return {
        "operationId": operation_id,
        "tags": [_SERVER],
        "summary": summary,
        "responses": responses,
    }


def _state(description: str, *states: str) -> Json:
    failing = {name: {"type": "string"} for name in ("part", "since", "detail")}
    schema = {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"type": "string", "enum": list(states)},
            "degraded": {"type": "array", "items": {"type": "object", "properties": failing}},
        },
    }
    return _content(description, JSON, schema)


def _content(description: str, media_type: str, schema: Json) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


# Pieces -------------------------------------------------------------------------------------------


def _ref(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _path_item_ref(told: Asked | Tells) -> Json:
    return {"$ref": f"#/components/pathItems/{title(told)}Notification"}


def _paragraphs(texts: Iterable[str]) -> str:
    return "\n\n".join(markdown(text) for text in texts)
