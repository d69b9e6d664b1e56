"""Writes the lists of the reference, from the code: statuses and causes, settings, commands, metrics."""

import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer.main
from prometheus_client.core import Metric

from onhook.api import reference
from onhook.api.reference import Asked, markdown
from onhook.blocks import BLOCKS, ENDPOINTS, statuses
from onhook.calls.why.rules import RULES
from onhook.cli.main import app
from onhook.cli.running import written
from onhook.processes.membership import Running
from onhook.server.metrics import Metrics
from onhook.server.settings import Settings

DIRECTORY = Path(__file__).resolve().parent.parent / "docs" / "lists"

WRITTEN = """\
<!-- Written by scripts/reference_lists.py from the code; run it again after a change there. -->
"""
_OUTSIDE = ("_created",)


def pages() -> dict[str, str]:
    """Every page by its file name, as it has to stand in docs/lists."""
    made = {
        "statuses.md": _statuses(),
        "settings.md": _settings(),
        "commands.md": _commands(),
        "metrics.md": _metrics(),
    }
    return {name: "\n\n".join(part.strip("\n") for part in made[name]) + "\n" for name in made}


def main() -> None:
    """Writes the pages."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


# Statuses and causes ------------------------------------------------------------------------------


def _statuses() -> Iterator[str]:
    asked: tuple[Asked, ...] = (*BLOCKS, *ENDPOINTS)
    by_status: dict[str, list[str]] = {}
    sentences: dict[str, str] = {}
    for one in asked:
        for reply in reference.replies(one):
            by_status.setdefault(reply.status, []).append(one.slug)
            sentences.setdefault(reply.status, reply.sentence)
    for status in ("error_sms_service_not_available", "error_service_not_available"):
        by_status.setdefault(status, [])
        sentences.setdefault(status, statuses.SENTENCES[status])
    yield "# Statuses and causes"
    yield WRITTEN
    yield (
        "A status is the answer to a request. The same sentence stands in the reply's `detail`, with the "
        "numbers of the moment: it says what is wrong, and what to do. Which one comes first where "
        "several apply stands on the page of each request. A request that is refused leaves the call "
        "exactly as it was."
    )
    yield "## Statuses of requests"
    yield _table(
        "status | what is wrong, and what to do | answered by",
        (
            (
                f"`{status}`",
                markdown(sentences[status]),
                _answered_by(by_status[status], len(asked)),
            )
            for status in sorted(by_status, key=lambda status: (status != statuses.SUCCESS, status))
        ),
    )
    yield "## Causes of an end"
    yield (
        "The last notification of a call says who ended it (`ended_by`) and why (`cause`). `onhook calls "
        "why SESSION` says the same of one call in a sentence, with what each side heard last and what to"
        " do; an application is told that sentence in `detail` if it asks for it "
        "([notifications](../webhooks.md#why-a-call-ended-in-a-sentence))."
    )
    yield _table(
        "`cause` | `ended_by` | what it is",
        (
            (f"`{cause}`", f"`{by}`", markdown(" ".join(_summary(rule).split())))
            for (by, cause), rule in sorted(RULES.items(), key=lambda one: one[0][::-1])
        ),
    )


def _answered_by(slugs: Sequence[str], of: int) -> str:
    if len(slugs) == of:
        return "every request"
    if not slugs:
        return "what is not served here"
    return ", ".join(f"[{slug}](../reference/{slug}.md)" for slug in slugs)


def _summary(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n\n")[0]


# Settings -----------------------------------------------------------------------------------------


def _settings() -> Iterator[str]:
    yield "# Settings"
    yield WRITTEN
    yield (
        "Each is an option of `onhook serve` (`--max-calls`), a variable (`ONHOOK_MAX_CALLS`) and a key "
        "of the TOML file that `--config` or `ONHOOK_CONFIG` names (`max_calls`). Options go before "
        "variables, variables before the file. `onhook config show` says which value holds and where it "
        "comes from; [Operating](../operating.md#settings-and-what-is-wrong-with-them) what becomes of a "
        "misspelt one."
    )
    options = {option for command in _leaves(_root()) for option in command.flags}
    yield _table(
        "setting | option, variable | default | what it is",
        (
            (
                f"`{name}`",
                _ways(name, options),
                _code(written(field.default)),
                markdown(field.description or ""),
            )
            for name, field in Settings.model_fields.items()
        ),
    )


def _ways(name: str, options: set[str]) -> str:
    option = f"--{name.replace('_', '-')}"
    variable = f"`ONHOOK_{name.upper()}`"
    return f"`{option}`, {variable}" if option in options else variable


# Commands -----------------------------------------------------------------------------------------


class _Command(NamedTuple):
    """A command that does something, by its words."""

    words: tuple[str, ...]
    click: Any

    @property
    def flags(self) -> list[str]:
        """Its options, as they are typed."""
        return [opt for one in self.click.params for opt in (*one.opts, *one.secondary_opts)]


def _root() -> Any:
    return typer.main.get_command(app)


def _leaves(command: Any, words: tuple[str, ...] = ("onhook",)) -> Iterator[_Command]:
    if not hasattr(command, "commands"):
        yield _Command(words, command)
        return
    for name, below in command.commands.items():
        yield from _leaves(below, (*words, name))


def _commands() -> Iterator[str]:
    found = sorted(_leaves(_root()), key=lambda one: one.words)
    yield "# The command line"
    yield WRITTEN
    yield (
        "`onhook COMMAND --help` says the same. The options of `onhook serve` are the "
        "[settings](settings.md); every other command reads them too, from variables and from the file of"
        " `ONHOOK_CONFIG`."
    )
    yield _table(
        "command | what it does",
        (
            (f"[`{' '.join(one.words[1:])}`](#{'-'.join(one.words)})", _first_line(one.click))
            for one in found
        ),
    )
    for one in found:
        yield f"## {' '.join(one.words)}"
        yield f"    {_usage(one)}"
        yield markdown(" ".join((one.click.help or "").split()))
        if one.words[1:] == ("serve",):
            continue
        shown = (
            [param for param in one.click.params if not param.hidden] if one.click.params else []
        )
        rows = [
            (_written_as(param), markdown(" ".join((param.help or "").split()))) for param in shown
        ]
        if rows:
            yield _table("argument, option | what it means", rows)


def _first_line(command: Any) -> str:
    return markdown(" ".join((command.help or "").split()).partition(". ")[0].rstrip(".") + ".")


def _usage(one: _Command) -> str:
    arguments = [
        (param.metavar or param.name.upper())
        if param.required
        else f"[{param.metavar or param.name.upper()}]"
        for param in one.click.params
        if param.param_type_name == "argument"
    ]
    return " ".join([*one.words, "[OPTIONS]", *arguments])


def _written_as(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{param.metavar or param.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
    return f"{names} (required)" if param.required else names


# Metrics ------------------------------------------------------------------------------------------


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield WRITTEN
    yield (
        "What `GET /metrics` has of the work of a server, in the Prometheus text format. [Watching a "
        "server](../monitoring.md#what-metrics-has) explains them, with those of the machine and of the "
        "media plane, and has a dashboard and alert rules."
    )
    yield _table(
        "name | kind | labels | what it counts",
        (
            (
                f"`{_sample_name(one)}`",
                one.type,
                ", ".join(f"`{x}`" for x in _labels(one)),
                one.documentation,
            )
            for one in sorted(_counted().registry.collect(), key=lambda one: one.name)
        ),
    )


def _counted() -> Metrics:
    """With one of everything, so that the labels show."""
    metrics = Metrics()
    metrics.request("hangup", "success_ok", 0.01)
    metrics.attempt("delivered")
    metrics.ended("caller", "hangup", "in", 1.0)
    metrics.watch_calls(["waiting"], dict)
    metrics.watch_sip(lambda: {"received": 1})
    metrics.watch_trunks(lambda: {("carrier", "taken"): 1})
    figures = (
        "up",
        "registered_until_seconds",
        "last_answer_seconds",
        "round_trip_seconds",
        "failures",
    )
    metrics.watch_trunk_health(lambda: {"carrier": dict.fromkeys(figures, 1.0)})
    metrics.watch_processes(lambda: [Running("switch", os.getpid(), "", 0, ready=True)])
    metrics.watch_spans(lambda: {"sent": 1})
    metrics.watch_tasks(lambda: 0)
    return metrics


def _sample_name(one: Metric) -> str:
    return f"{one.name}_total" if one.type == "counter" else one.name


def _labels(one: Metric) -> list[str]:
    named = [sample.labels for sample in one.samples if not sample.name.endswith(_OUTSIDE)]
    return [name for name in (named[0] if named else {}) if name != "le"]


# Pieces -------------------------------------------------------------------------------------------


def _code(value: str) -> str:
    return f"`{value}`" if value else ""


def _table(head: str, rows: Iterable[Sequence[str]]) -> str:
    bars = "|---" * (head.count("|") + 1) + "|"
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return "\n".join([f"| {head} |", bars, *(f"| {line} |" for line in lines)])


if __name__ == "__main__":
    main()
