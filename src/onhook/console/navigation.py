"""What stands at the side of every page, of the pages of the table that an operator may see."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Item:
    """One entry."""

    label: str
    path: str
    icon: str
    """Of templates/icons.html."""


NAVIGATION: Final = (
    Item("Live", "/console/live", "live"),
    Item("Calls", "/console/calls", "calls"),
    Item("Applications", "/console/applications", "applications"),
    Item("Numbers", "/console/numbers", "numbers"),
    Item("Trunks", "/console/trunks", "trunks"),
    Item("Money", "/console/money", "money"),
    Item("Charts", "/console/charts", "charts"),
    Item("Operators", "/console/operators", "operators"),
    Item("Audit", "/console/audit", "audit"),
)
