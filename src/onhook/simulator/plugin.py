"""The pytest plugin: the fixtures `phone`, `onhook_backend` and `ivr`, of which a test defines the last.

Nothing else of Onhook is imported before a test asks for one of them.
"""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

if TYPE_CHECKING:
    from onhook.simulator.phone import Phone
    from onhook.simulator.real import RealPhones
    from onhook.simulator.simulator import Simulator


def pytest_addoption(parser: pytest.Parser) -> None:
    """How patient the simulator is."""
    parser.addini(
        "onhook_grace_ms",
        "Milliseconds of real time in which an application may act after a reply.",
        default="",
    )
    parser.addini("onhook_words_a_minute", "How fast messages are spoken.", default="170")


@pytest.fixture(scope="session")
def onhook_settings() -> Mapping[str, Any]:
    """Settings of `onhook serve` for the simulator, by name: override it where the defaults do not do."""
    return {}


@pytest.fixture(scope="session")
def onhook_simulator(
    pytestconfig: pytest.Config, onhook_settings: Mapping[str, Any]
) -> "Iterator[Simulator]":
    """The simulator of all tests. While it is there, the environment says where it is: ONHOOK_API, APP_ID,
    ACCESS_TOKEN, and MY_URL for an application that is served here."""
    from onhook.simulator.simulator import Simulator

    grace_ms = pytestconfig.getini("onhook_grace_ms")
    with (
        Simulator(
            grace_ms=float(grace_ms) if grace_ms else None,
            words_a_minute=float(pytestconfig.getini("onhook_words_a_minute")),
            settings=onhook_settings,
        ) as simulator,
        mock.patch.dict(os.environ, simulator.environment),
    ):
        yield simulator


@pytest.fixture(scope="session")
def onhook_server(onhook_settings: Mapping[str, Any]) -> "Iterator[RealPhones]":
    """A server that is real, and real phones: they may take the place of the simulator."""
    from onhook.simulator.real import RealPhones

    with RealPhones({name: str(value) for name, value in onhook_settings.items()}) as phones:
        yield phones


@pytest.fixture
def ivr(onhook_simulator: "Simulator") -> object:
    """The application that is tested: an ASGI or WSGI object, or a URL. Override it."""
    pytest.fail(
        "Define a fixture `ivr` that returns the application: an ASGI or WSGI object, or its URL."
    )


@pytest.fixture
def phone(onhook_simulator: "Simulator", ivr: object) -> "Iterator[Phone]":
    """Everybody's phones, of those who call the application and of those whom it calls."""
    from onhook.simulator.phone import Phone

    onhook_simulator.serve(ivr)
    onhook_simulator.begin_anew()
    yield Phone(onhook_simulator)
    onhook_simulator.begin_anew()
