"""Writes docs/call-states.md: the state machine of a call as a table, read off the machine itself."""

import ast
import inspect
import itertools
from pathlib import Path
from typing import get_args

from onhook.call import TABLE, Event, State, model
from onhook.call.table import ignore

PAGE = Path(__file__).resolve().parent.parent / "docs" / "call-states.md"

INTRODUCTION = """\
# The life of a call

<!-- Written by scripts/call_states.py from onhook.call.TABLE; run it again after a change there. -->

A call is a pure state machine: in a state, an event leads to the next state and to effects. Every
pair of state and event has its transition; where the table shows a dot, nothing happens.
"""


def page() -> str:
    """The whole page, as it has to stand in docs/call-states.md."""
    return "\n".join([INTRODUCTION, *_states(), *_events(), *_matrix(), *_transitions()])


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")


def _states() -> list[str]:
    docs = _state_docs()
    rows = [f"| `{state.value}` | {docs[state.name]} |" for state in State]
    return ["## States", "", "| state | meaning |", "|---|---|", *rows, ""]


def _events() -> list[str]:
    rows = [f"| `{event.__name__}` | {_first_line(event)} |" for event in get_args(Event)]
    return ["## Events", "", "| event | meaning |", "|---|---|", *rows, ""]


def _matrix() -> list[str]:
    head = "| | " + " | ".join(state.value for state in State) + " |"
    rows = [
        f"| `{event.__name__}` | " + " | ".join(_cell(state, event) for state in State) + " |"
        for event in get_args(Event)
    ]
    return ["## State x event", "", head, "|---" * (len(State) + 1) + "|", *rows, ""]


def _transitions() -> list[str]:
    acting = dict.fromkeys(transition for transition in TABLE.values() if transition is not ignore)
    rows = [f"| `{_name(transition)}` | {_first_line(transition)} |" for transition in acting]
    return ["## What happens", "", "| transition | what it does |", "|---|---|", *rows, ""]


def _cell(state: State, event: type) -> str:
    transition = TABLE[state, event]
    return "." if transition is ignore else f"`{_name(transition)}`"


def _name(thing: object) -> str:
    return str(getattr(thing, "__name__", thing))


def _first_line(thing: object) -> str:
    """The first line of a docstring, fit for a cell of a table."""
    line = (inspect.getdoc(thing) or "").partition("\n")[0]
    return line.replace("``", "`").replace("|", "\\|")


def _state_docs() -> dict[str, str]:
    """The strings that follow the members of State; Python does not keep them at run time."""
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(model)).body
        if isinstance(node, ast.ClassDef) and node.name == State.__name__
    )
    docs = {}
    for member, doc in itertools.pairwise(body):
        match member, doc:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                docs[name] = inspect.cleandoc(text).replace("\n", " ")
    return docs


if __name__ == "__main__":
    main()
