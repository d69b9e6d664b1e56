"""Tests of an application without a telephone: its calls are simulated, and take no time.

`Simulator` has everything but SIP and sound; `Phone` and `Call` are what tests use of it, or of a real
server. They are imported when they are asked for: pytest loads the plugin in this package in every run, also
where nobody calls anybody.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onhook.simulator.call import Call as Call
    from onhook.simulator.deliveries import Told as Told
    from onhook.simulator.phone import Phone as Phone
    from onhook.simulator.simulator import Simulator as Simulator

__all__ = ["Call", "Phone", "Simulator", "Told"]

_FROM = {"Call": "call", "Phone": "phone", "Simulator": "simulator", "Told": "deliveries"}


def __getattr__(name: str) -> object:
    if name not in _FROM:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
