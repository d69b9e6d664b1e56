"""Writes docs/call-states.md: the state machine of a call as a table, read off the machine itself."""

import ast
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from onhook.call import (
    TABLE,
    Digit,
    Due,
    Event,
    Job,
    Kicked,
    PeerAnswered,
    PeerFailed,
    PeerLeft,
    PeerRang,
    Played,
    State,
    Then,
    Turn,
    Work,
    model,
)
from onhook.call.table import ignore
from onhook.call.work_events import WorkEvent
from onhook.call.works import (
    Gathering,
    HangingUp,
    Holding,
    Leaving,
    Meeting,
    Monitoring,
    Recording,
    Saying,
    SendingDigits,
    Transferring,
    Unholding,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "call-states.md"

INTRODUCTION = """\
# The life of a call

<!-- Written by scripts/call_states.py from onhook.call.TABLE; run it again after a change there. -->

A call is a pure state machine: in a state, an event leads to the next state and to effects. Every
pair of state and event has its transition; where the table shows a dot, nothing happens.
"""

WORKS_INTRODUCTION = """\
## Blocks at work

What a block does while the call is in the state `running` is its work. Each line below was found by
letting a work begin with a message and telling it each thing that it may hear of; what is missing
means nothing to it. The fields are those that its notification carries besides what all carry.
"""


@dataclass(frozen=True)
class Stage:
    """How far a work has come: after which events, since it began."""

    blocks: str
    work: Work
    doing: str
    after: tuple[WorkEvent, ...] = ()


_GATHER = Gathering(max_digits=4, timeout_s=15.0, attempts=2)
_RECORD = Recording("1", "https://...", 120.0, beep=True)
_TRANSFER = Transferring(60.0, goes_on=True)

STAGES = (
    Stage("Dial", Saying((("dial_status", "answered"),)), "speaks"),
    Stage("Play", Saying(), "speaks"),
    Stage("Gather", _GATHER, "speaks"),
    Stage("Gather", _GATHER, "listens", (Played(1.0, 1),)),
    Stage("SendDigits", SendingDigits("12#"), "speaks"),
    Stage("SendDigits", SendingDigits("12#"), "types", (Played(1.0, 1),)),
    Stage("Record", _RECORD, "speaks, beeps"),
    Stage("Record", _RECORD, "records", (Played(1.0, 1),)),
    Stage("Monitor", Monitoring("1", "https://..."), "speaks"),
    Stage("Hold", Holding(), ""),
    Stage("Unhold", Unholding(), ""),
    Stage("Transfer to a number", _TRANSFER, "speaks"),
    Stage("Transfer to a number", _TRANSFER, "calls the peer", (Played(1.0, 1),)),
    Stage("Transfer to a number", _TRANSFER, "is joined", (Played(1.0, 1), PeerAnswered(2.0))),
    Stage("Transfer to a room", Meeting(), "speaks"),
    Stage("Transfer to a room", Meeting(), "is in the room", (Played(1.0, 1),)),
)
"""Every work at every stage, as an application would ask for it."""

LATE = 1000.0
HEARD: dict[str, WorkEvent] = {
    "`Played`": Played(LATE, 1),
    "`Digit`": Digit(LATE, "1"),
    "`Digit` #": Digit(LATE, "#"),
    "`Due`": Due(LATE),
    "`PeerRang`": PeerRang(LATE),
    "`PeerRang`, audible": PeerRang(LATE, audible=True),
    "`PeerAnswered`": PeerAnswered(LATE),
    "`PeerFailed`": PeerFailed(LATE, "busy"),
    "`PeerLeft`": PeerLeft(LATE),
    "`Kicked`": Kicked(LATE),
}
"""What a work may be told."""

_FOLLOWS = {
    Then.NEXT: "over: the application is told, and has the word",
    Then.HOLD: "over: the call is held",
    Then.LEAVE: "over: the call is hung up",
}


def page() -> str:
    """The whole page, as it has to stand in docs/call-states.md."""
    parts = (_states(), _events(), _matrix(), _transitions(), _works())
    return "\n".join([INTRODUCTION, *itertools.chain(*parts)])


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


def _works() -> list[str]:
    rows = [row for stage in STAGES for row in _rows(stage)]
    rows.append(
        f"| Hangup | `{HangingUp.__name__}` | | | never runs: the table plays its message | |"
    )
    rows.append(f"| Hangup by reference | `{Leaving.__name__}` | | | never runs | |")
    head = ["| block | work | while it | event | what is done | what follows |", "|---" * 6 + "|"]
    return [WORKS_INTRODUCTION, *head, *rows, ""]


def _rows(stage: Stage) -> Iterator[str]:
    """How it begins, if nothing happened yet, and then every event that means something to it."""
    job = Job(1, "", speaks=True, work=stage.work)
    turn = stage.work.begin(job, 0.0, "")
    if not stage.after:
        yield _row(stage, "", "it begins", _effects(turn), turn)
    if turn.over is not None:
        return
    for event in stage.after:
        turn = turn.work.happen(job, event) or turn
    for name, event in HEARD.items():
        heard = turn.work.happen(job, event)
        if heard is not None:
            swallowed = heard.over is None and heard.work == turn.work
            done = _effects(heard) or ("nothing" if swallowed else "")
            yield _row(stage, stage.doing, name, done, heard)


def _row(stage: Stage, doing: str, event: str, done: str, turn: Turn) -> str:
    work = type(stage.work).__name__
    return f"| {stage.blocks} | `{work}` | {doing} | {event} | {done} | {_follows(turn)} |"


def _effects(turn: Turn) -> str:
    return ", ".join(f"`{type(effect).__name__}`" for effect in turn.effects)


def _follows(turn: Turn) -> str:
    if turn.over is None:
        return "it goes on until `Due`" if turn.due_at is not None else "it goes on"
    fields = ", ".join(f"`{name}`" for name, _ in turn.over.fields)
    return _FOLLOWS[turn.over.then] + (f"; {fields}" if fields else "")


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
