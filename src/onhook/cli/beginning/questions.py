"""Questions on the terminal or to a pipe, each with an answer that is proposed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import typer

from onhook.cli.errors import CommandError
from onhook.cli.running import fail
from onhook.server.settings import SettingsError


@dataclass(frozen=True)
class Question:
    """What is asked. ``check`` raises SettingsError or CommandError for an answer that cannot be used."""

    name: str
    text: str
    proposed: str
    check: Callable[[str], object]


def answered(
    questions: Sequence[Question], given: Mapping[str, str | None], *, asks: bool
) -> dict[str, str]:
    """An answer to each question, by its name: what is ``given``, else what is typed if it ``asks``, else
    what is proposed. One that is given, or comes by a pipe, and cannot be used ends the command."""
    answers = {}
    for each in questions:
        answer = given.get(each.name)
        if answer is None and asks:
            answer = _typed(each)
        answers[each.name] = each.proposed if answer is None else answer
        refused = _refused(each, answers[each.name])
        if refused is not None:
            fail(refused)
    return answers


def _typed(question: Question) -> str | None:
    """What is typed; whoever sits at a terminal is asked until it can be used. None for an empty line, and at
    the end of what comes."""
    while True:
        typer.echo(f"{question.text}\n[{question.proposed}]: ", err=True, nl=False)
        line = _line()
        if not _is_terminal():
            typer.echo(line.strip(), err=True)  # who looks on sees the answer too
        if not line.strip():
            return None
        refused = _refused(question, line.strip())
        if refused is None or not _is_terminal():
            return line.strip()
        typer.echo(refused, err=True)


def _refused(question: Question, answer: str) -> str | None:
    try:
        question.check(answer)
    except (SettingsError, CommandError) as error:
        return str(error)
    return None


def _line() -> str:
    """Empty where nothing comes any more, and where there is no standard input."""
    try:
        return "" if sys.stdin is None else sys.stdin.readline()
    except UnicodeDecodeError:
        fail("What was typed is not text in the encoding of this terminal.")


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
