"""Keeps from the switch what libraries load beside what they are wanted for, and nothing here asks for.

To be called before anything of theirs is imported.
"""

import sys
from types import ModuleType
from typing import Final

_EMPTY: Final = (
    "uvicorn.main",  # its own command, and click with it
    "sqlalchemy.ext.asyncio.scoping",  # sessions, and with them all of the ORM
    "sqlalchemy.ext.asyncio.session",
)
"""Modules that are imported for names which nobody here uses; each of those is None."""


class _Nothing(ModuleType):
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def keep_out() -> None:
    """What was imported already stays."""
    # structlog would load it for tracebacks on a terminal, which nobody sees here.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    for name in _EMPTY:
        sys.modules.setdefault(name, _Nothing(name))
