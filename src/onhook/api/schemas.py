"""The JSON schemas of requests, replies and notifications, read off the declarations. Pure."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from onhook.api import reference
from onhook.api.reference import Asked, Tells, markdown
from onhook.blocks import Block, Field, Param, statuses
from onhook.blocks.declaration import ALWAYS

Json: TypeAlias = dict[str, Any]
"""An object of a JSON document."""


def title(named: Asked | Tells) -> str:
    """The beginning of the names of its schemas: ``Hangup`` of ``hangup``."""
    return named.slug.title().replace("_", "")


def schemas(asked: Sequence[Asked], told: Sequence[Tells]) -> Json:
    """Every schema by its name: of each request, of its reply, and of each notification."""
    named: Json = {}
    for request in asked:
        named[title(request) + "Request"] = _request_schema(request)
        named[title(request) + "Reply"] = _reply_schema(request)
    for one in told:
        named[title(one) + "Notification"] = _notification_schema(one)
    return named


def _request_schema(asked: Asked) -> Json:
    named: Json = {}
    families: Json = {}
    for param in reference.params(asked):
        schema = {**of_param(param), "description": markdown(param.doc)}
        (families if param.is_family else named)[_key(param)] = schema
    return {
        "type": "object",
        "required": [param.name for param in asked.params if param.required],
        "properties": named,
        **({"patternProperties": families} if families else {}),
    }


def of_family(param: Param) -> Json:
    """What parameters of many names are, as an object with each of them."""
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{param.pattern}$"},
        "additionalProperties": of_param(param),
    }


def _key(named: Param | Field) -> str:
    """Its name, or what its names are like."""
    return f"^{named.pattern}$" if named.is_family else named.name


def _reply_schema(asked: Asked) -> Json:
    """Success carries what was asked for, an error the sentence that explains it."""
    answer = _answer_schema(asked)
    status = {"type": "string", "enum": [reply.status for reply in reference.replies(asked)]}
    detail = {
        "type": "string",
        "description": "With every error: what was wrong and what to do about it.",
    }
    return {
        "type": "object",
        "required": ["status"],
        "properties": {"status": status, "detail": detail, **answer["properties"]},
        "if": {"properties": {"status": {"const": statuses.SUCCESS}}},
        "then": {"required": answer["required"]},
        "else": {"required": ["detail"]},
    }


def _answer_schema(asked: Asked) -> Json:
    if isinstance(asked, Block):
        return _fields_schema(asked.slug, asked.reply)
    schema = _fields_schema(asked.slug, asked.all_fields)
    if asked.entry:
        entry = _fields_schema(asked.slug, asked.all_entry)
        schema["properties"]["entries"] = {"type": "array", "items": entry}
        schema["required"].append("entries")
    return schema


def _notification_schema(told: Tells) -> Json:
    return _fields_schema(told.name, told.fields)


def _fields_schema(name: str, fields: Sequence[Field]) -> Json:
    families = {_key(field): _field_schema(name, field) for field in fields if field.is_family}
    return {
        "type": "object",
        "required": [field.name for field in fields if field.when == ALWAYS],
        "properties": {
            field.name: _field_schema(name, field) for field in fields if not field.is_family
        },
        **({"patternProperties": families} if families else {}),
    }


def _field_schema(name: str, field: Field) -> Json:
    values = (name,) if field.name == "ivr_block" else field.values
    schema: Json = {"type": "string"}
    if values:
        schema["enum"] = list(values)
    if field.example:
        schema["examples"] = [field.example]
    when = "" if field.when == ALWAYS else f" Sent {field.when}."
    schema["description"] = markdown(field.doc) + when
    return {"type": "array", "items": schema} if field.listed else schema


def of_param(param: Param) -> Json:
    """What a value has to be. An empty one is none: missing where it is required, ignored elsewhere."""
    schema: Json = {"type": "string"}
    if param.required:
        schema["minLength"] = 1
    if param.max_length is not None:
        schema["maxLength"] = param.max_length
    if param.example:
        schema["examples"] = [param.example]
    if param.values:
        schema["enum"] = list(param.values)
    if param.pattern and not param.is_family:
        schema["pattern"] = f"^({param.pattern})$"
    return schema
