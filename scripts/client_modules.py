"""Writes what onhook.client has of the declarations: both clients, replies and notifications."""

import keyword
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from onhook.api import reference
from onhook.api.reference import Asked, Tells
from onhook.api.schemas import title
from onhook.blocks import BLOCKS, ENDPOINTS, NOTICES, Block, Field, Kind, Param
from onhook.blocks.declaration import ALWAYS

DIRECTORY = Path(__file__).resolve().parent.parent / "src" / "onhook" / "client"
WRITTEN = """\
# Written by scripts/client_modules.py from the declarations in onhook.blocks; run it again after a
# change there.
"""
"""Stands below the docstring of each."""

ASKED: tuple[Asked, ...] = (*BLOCKS, *ENDPOINTS)
_TOLD: tuple[Tells, ...] = (*NOTICES, *(block for block in BLOCKS if block.fields))
TOLD: dict[str, Tells] = {one.name: one for one in _TOLD}
"""Every notification by its `ivr_block`; what two requests tell by the same name is the same."""

TYPES = {
    Kind.SWITCH: "bool",
    Kind.WHOLE: "int",
    Kind.PAGE: "int",
    Kind.DATE: "datetime",
    Kind.CALLEES: "str | list[str] | tuple[str, ...]",
    Kind.REJECTION: "str | int",
    Kind.SIP_HEADERS: "Mapping[str, str]",
}
"""What a parameter is in Python, by its kind; else a text."""


def modules() -> dict[str, str]:
    """Every module by its file name, as it has to stand in src/onhook/client."""
    return {
        "replies.py": _formatted(_replies()),
        "notifications.py": _formatted(_notifications()),
        "sync_client.py": _formatted(_client("Client", "SyncAsking", is_async=False)),
        "async_client.py": _formatted(_client("AsyncClient", "AsyncAsking", is_async=True)),
    }


def main() -> None:
    """Writes them."""
    for name, text in modules().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


# Modules ------------------------------------------------------------------------------------------


def _replies() -> Iterator[str]:
    yield '"""What the API answers to a request that was accepted."""'
    yield WRITTEN
    yield from _imports("dataclass", "date", "datetime", "Decimal", "Literal")
    for asked in ASKED:
        entry = "" if isinstance(asked, Block) or not asked.entry else _entry(asked)
        if not isinstance(asked, Block) and entry:
            yield from _dataclass(entry, f"One of the entries of {asked.path}.", asked.all_entry)
        if reply := _reply(asked):
            fields = asked.reply if isinstance(asked, Block) else asked.all_fields
            yield from _dataclass(reply, f"The reply of {asked.path}.", fields)
            if entry:
                yield f"    entries: tuple[{entry}, ...] = ()"


def _notifications() -> Iterator[str]:
    yield '"""What an application is told, by the block that it is told of."""'
    yield WRITTEN
    yield from _imports(
        "dataclass", "field", "datetime", "Decimal", "Final", "Literal", "Mapping", "TypeAlias"
    )
    each = [told.fields for told in TOLD.values()]
    shared = [one for one in each[0] if all(one in fields for fields in each)]
    yield from _dataclass("AnyNotification", "What every notification has.", shared)
    for told in TOLD.values():
        about = (
            f"{told.summary.removesuffix('.')}: what it came to."
            if isinstance(told, Block)
            else told.summary
        )
        own = [one for one in told.fields if one not in shared]
        yield from _dataclass(_notification(told), about, own, base="(AnyNotification)")
    names = [_notification(told) for told in TOLD.values()]
    yield f"Notification: TypeAlias = {' | '.join(names)}"
    yield '"""Any of them."""'
    yield "NOTIFICATIONS: Final[Mapping[str, type[Notification]]] = {"
    yield from (f'    "{name}": {_notification(told)},' for name, told in TOLD.items())
    yield "}"
    yield '"""Each by its `ivr_block`."""'


def _client(name: str, base: str, *, is_async: bool) -> Iterator[str]:
    kind = "The client for asyncio" if is_async else "The client"
    yield f'"""{kind}: a method for each request of the API."""'
    yield WRITTEN
    yield from _imports("Mapping", "datetime", "Literal")
    yield f"from onhook.client.asking import {base}"
    yield "from onhook.client.replies import (" + ", ".join(filter(None, map(_reply, ASKED))) + ",)"
    yield f"class {name}({base}):"
    yield f'    """{kind}; {base} says how it is made and closed."""'
    for asked in ASKED:
        yield from _method(asked, is_async=is_async)


# Pieces -------------------------------------------------------------------------------------------


def _method(asked: Asked, *, is_async: bool) -> Iterator[str]:
    params = [p for p in reference.params(asked) if p.kind not in (Kind.CREDENTIAL, Kind.UNSERVED)]
    first = [p for p in params if p.required and p.kind is not Kind.NOTIFY_URL]
    rest = sorted((p for p in params if p not in first), key=lambda p: not p.required)
    reply = _reply(asked)
    yield f"    {'async ' * is_async}def {asked.slug}(self,"
    yield from (f"        {_name(param)}: {_type(param)}," for param in first)
    yield "        *,"
    for param in rest:
        yield f"        {_name(param)}: {_type(param)}{'' if param.required else _default(param)},"
    yield f"    ) -> {reply or 'None'}:"
    yield textwrap.indent(_described(asked, [*first, *rest]), " " * 8)
    call = f"{'await ' * is_async}self._" + (f"read({reply}, " if reply else "ask(")
    yield f"        {'return ' * bool(reply)}{call}"
    yield f'            "{asked.path}",'
    yield "            {"
    yield from (f'                "{_wire(param)}": {_name(param)},' for param in params)
    yield "            },"
    yield "        )"


def _described(asked: Asked, params: Iterable[Param]) -> str:
    lines = [f'"""{asked.summary}', ""]
    lines += _wrapped(asked.doc)
    lines += ["", "Args:"]
    for param in params:
        limits = reference.limits(param).replace("required", "").replace("optional", "").strip(", ")
        text = f"{_name(param)}: {_meaning(param)}" + (f" ({limits})" if limits else "")
        lines += textwrap.wrap(text, 88, initial_indent="    ", subsequent_indent="        ")
    lines += [
        "",
        *_wrapped(f"Raises Refused and NoReply. Its statuses: docs/reference/{asked.slug}.md."),
    ]
    lines += ['"""']
    return "\n".join(lines)


def _meaning(param: Param) -> str:
    """What it means to somebody who writes Python."""
    if param.kind is Kind.IDEMPOTENCY_KEY:
        return "A name of your own for this request, instead of a random one."
    if param.kind is Kind.SIP_HEADERS:
        return "Headers of your own, `X-…` and `User-to-User`, by their names."
    text = _plain(param.doc)
    if param.kind is Kind.SWITCH:
        text = text.replace("With the value `enabled` ", "If true, ")
        text = text.replace(" Any other value counts as not given.", "")
    return text


def _dataclass(name: str, about: str, fields: Sequence[Field], *, base: str = "") -> Iterator[str]:
    yield "@dataclass(frozen=True, slots=True, kw_only=True)"
    yield f"class {name}{base}:"
    yield f'    """{_plain(about)}"""'
    yield ""
    for one in fields:
        if one.is_family:
            yield "    sip_headers: Mapping[str, str] = field(default_factory=dict)"
        elif one.listed:
            yield f"    {_safe(one.name)}: tuple[str, ...]"
        else:
            optional = "" if one.when == ALWAYS else " | None = None"
            yield f"    {_safe(one.name)}: {_field_type(one)}{optional}"
        when = "" if one.when == ALWAYS else f" Sent {one.when}."
        doc = f'"""{_plain(one.doc)}{_plain(when)}"""'
        yield from textwrap.wrap(doc, 96, initial_indent="    ", subsequent_indent="    ")


def _field_type(one: Field) -> str:
    return f"Literal{list(one.values)}" if one.values else one.reads.__name__


def _type(param: Param) -> str:
    kind = (
        f"Literal{list(param.values)}"
        if param.kind is Kind.CHOICE
        else TYPES.get(param.kind, "str")
    )
    return kind if param.required or param.kind is Kind.SWITCH else f"{kind} | None"


def _default(param: Param) -> str:
    return " = False" if param.kind is Kind.SWITCH else " = None"


def _name(param: Param) -> str:
    return "sip_headers" if param.is_family else _safe(param.name)


def _wire(param: Param) -> str:
    return "sip_headers" if param.is_family else param.name


def _safe(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _reply(asked: Asked) -> str:
    fields = asked.reply if isinstance(asked, Block) else (*asked.all_fields, *asked.all_entry)
    return f"{title(asked)}Reply" if fields else ""


def _entry(asked: Asked) -> str:
    return f"{title(asked)}Entry"


def _notification(told: Tells) -> str:
    return told.name.title().replace("_", "") + "Notification"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(_plain(text), 92)


def _plain(text: str) -> str:
    """A sentence for a docstring."""
    return text.replace("\\", "\\\\").replace('"', "'")


def _imports(*names: str) -> Iterator[str]:
    froms = {
        "Mapping": "collections.abc",
        "dataclass": "dataclasses",
        "field": "dataclasses",
        "date": "datetime",
        "datetime": "datetime",
        "Decimal": "decimal",
    }
    yield from (f"from {froms.get(name, 'typing')} import {name}" for name in names)


def _formatted(lines: Iterable[str]) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    text = "\n".join(lines).encode()
    for command in (["check", "--select", "I,RUF022", "--fix", "-q"], ["format"]):
        at = ["--stdin-filename", str(DIRECTORY / "written.py"), "-"]
        text = subprocess.run(
            [*ruff, *command, *at], input=text, stdout=subprocess.PIPE, check=True
        ).stdout
    return text.decode()


if __name__ == "__main__":
    main()
