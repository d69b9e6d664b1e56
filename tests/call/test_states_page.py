"""docs/call-states.md says what the table says."""

import runpy
from pathlib import Path

from onhook.call import TABLE, State, Work, works

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "call-states.md"


def test_the_page_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "call_states.py"))

    assert PAGE.read_text(encoding="utf-8") == script["page"](), "run scripts/call_states.py"


def test_the_page_names_every_state_event_transition_and_work() -> None:
    text = PAGE.read_text(encoding="utf-8")

    names = {state.value for state in State}
    names |= {event.__name__ for _, event in TABLE}
    names |= {transition.__name__ for transition in TABLE.values()} - {"ignore"}
    names |= {one.__name__ for one in vars(works).values() if _is_work(one)}
    assert not {name for name in names if f"`{name}`" not in text}


def _is_work(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, Work) and one is not Work
