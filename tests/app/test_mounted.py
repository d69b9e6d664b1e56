"""docs/kit.md: its programs answer calls, by themselves and in four web frameworks."""

import asyncio
import re
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import clear_url_caches, path
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.conftest import NUMBER
from onhook.app import App
from onhook.simulator import Phone, Simulator

PAGE = (Path(__file__).parents[2] / "docs" / "kit.md").read_text(encoding="utf-8")
FIRST, SECOND, STARLETTE, FASTAPI, FLASK, DJANGO, CLIENT = re.findall(
    r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


@pytest.fixture
def ivr(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The application of ten lines, as `shop.ivr.app`."""
    for variable, value in {
        **simulator.environment,
        "MY_URL": f"{simulator.ivr_url}calls/",
    }.items():
        monkeypatch.setenv(variable, value)
    module = types.ModuleType("shop.ivr")
    exec(FIRST, module.__dict__)
    monkeypatch.setitem(sys.modules, "shop", types.ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.ivr", module)
    simulator.begin_anew()
    yield module.app
    simulator.begin_anew()
    asyncio.run(module.app.close())


def run(program: str) -> dict[str, Any]:
    """The names of a program of the page, after it."""
    names: dict[str, Any] = {"__name__": "shop.web"}
    exec(program, names)
    return names


async def shop(_: object) -> PlainTextResponse:
    return PlainTextResponse("the shop")


def in_starlette() -> object:
    web = run(STARLETTE)["web"]
    web.router.routes.append(Route("/shop", shop))
    return web


def in_fastapi() -> object:
    web = run(FASTAPI)["web"]
    web.router.routes.append(Route("/shop", shop))
    return web


def in_flask() -> object:
    web = run(FLASK)["web"]
    web.add_url_rule("/shop", view_func=lambda: "the shop")
    return web


def django_with(*views: Any) -> None:
    """Django has one table of URLs in a process."""
    urls = type("urls", (), {"urlpatterns": [*views, path("shop", django_shop)]})
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="of a test")
    settings.ROOT_URLCONF = urls
    clear_url_caches()


def django_shop(_: HttpRequest) -> HttpResponse:
    return HttpResponse("the shop")


def in_django() -> object:
    django_with(*run(DJANGO)["urlpatterns"])
    return get_wsgi_application()


def in_django_by_asgi() -> object:
    django_with(*run(DJANGO)["urlpatterns"])
    return get_asgi_application()


def talks(phone: Phone) -> None:
    call = phone.call(NUMBER)
    call.hears("Welcome. Press 1 for our opening hours.")
    call.press("1")
    call.hears("We are open from nine to six.")
    call.is_hung_up_after("Good bye.")


def test_by_itself(simulator: Simulator, ivr: App) -> None:
    simulator.serve(ivr)
    talks(Phone(simulator))


@pytest.mark.parametrize("web", [in_starlette, in_fastapi, in_flask, in_django, in_django_by_asgi])
def test_in_a_framework(simulator: Simulator, ivr: App, web: Callable[[], object]) -> None:
    simulator.serve(web(), at="calls/")
    talks(Phone(simulator))
    with urlopen(f"{simulator.ivr_url}shop") as page:
        assert page.read() == b"the shop"


def test_a_call_of_ones_own(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    simulator.serve(url)
    simulator.begin_anew()
    for variable, value in simulator.environment.items():
        monkeypatch.setenv(variable, value)
    reminds = threading.Thread(target=asyncio.run, args=(run(SECOND)["main"](),))
    reminds.start()
    patient = Phone(simulator).answers("+6591112222")
    patient.hears("You have an appointment tomorrow at ten.")
    patient.hears("Press 1 to keep it.")
    patient.press("1")
    patient.is_hung_up_after("Thank you. Good bye.")
    reminds.join()
    assert "kept" in capsys.readouterr().out.splitlines()


def test_the_client_alone(
    simulator: Simulator, ivr: App, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator.serve(ivr)
    phone = Phone(simulator)
    phone.call(NUMBER).hang_up()
    run(CLIENT)
    phone.answers("+6591112222").is_hung_up_after("Hello.")
    assert NUMBER in capsys.readouterr().out
