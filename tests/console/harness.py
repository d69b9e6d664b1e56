"""A browser that is signed in to the console of a real server, as far as HTTP goes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from itertools import count
from types import TracebackType
from typing import Any, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from acceptance.harness import Onhook
from acceptance.test_operator_commands import command
from onhook.cli import operators
from onhook.console.roles import Role

PASSWORD = "seven green bottles"
_FIELD = re.compile(r'name="form_token" value="([^"]*)"')
_SENTENCE = re.compile(r'<p class="sentence"[^>]*>(.*?)</p>', re.DOTALL)
_numbers = count(1)


@dataclass(frozen=True)
class Page:
    """What the console answered."""

    status: int
    text: str
    headers: CIMultiDict[str]

    @property
    def form_token(self) -> str:
        """Of the first form."""
        found = _FIELD.search(self.text)
        assert found is not None, self.text
        return found[1]


async def add_operator(server: Onhook, role: Role, name: str = "") -> str:
    """One more operator of a server, who has PASSWORD; the name."""
    name = name or f"{role}-{next(_numbers)}"
    where = server.settings.get("database_url", "")
    await operators.add(server.data, name, role.value, PASSWORD, database_url=where)
    return name


def sentence_in(page: str) -> str:
    """Why a call ended, in the page of its story, as it is read."""
    found = _SENTENCE.search(page)
    assert found is not None, page
    return unescape(found[1])


class Browser:
    """One browser: its cookies, and what it says of where requests come from."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.headers = dict(headers or {})
        # Cookies of addresses, too, as browsers keep them.
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    @property
    def cookies(self) -> Mapping[str, str]:
        """What it would send."""
        return {
            name: one.value
            for name, one in self._http.cookie_jar.filter_cookies(URL(self.url)).items()
        }

    def set_cookie(self, name: str, value: str) -> None:
        """As if somebody had planted it."""
        self._http.cookie_jar.update_cookies({name: value}, URL(self.url))

    async def get(self, path: str, **headers: str) -> Page:
        """A page, without following where it leads."""
        asked = self._http.get(
            self.url + path, headers={**self.headers, **_named(headers)}, allow_redirects=False
        )
        async with asked as reply:
            return Page(reply.status, await reply.text(), reply.headers.copy())

    async def stream(self, path: str) -> aiohttp.ClientResponse:
        """A reply that goes on; to be closed."""
        return await self._http.get(self.url + path, headers=self.headers)

    async def send(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """A form as it is, from a page of ours unless ``headers`` say otherwise."""
        ours = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **self.headers}
        return await self.send_as(path, fields, {**ours, **_named(headers)})

    async def send_as(
        self, path: str, fields: Mapping[str, str], headers: Mapping[str, str]
    ) -> Page:
        """The same with these headers and no others."""
        asked = self._http.post(
            self.url + path, data=dict(fields), headers=headers, allow_redirects=False
        )
        async with asked as reply:
            return Page(reply.status, await reply.text(), reply.headers.copy())

    async def post(self, path: str, **fields: str) -> Page:
        """A form of a page of this session."""
        token = (await self.get("/console/account")).form_token
        return await self.send(path, {"form_token": token, **fields})

    async def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> Page:
        """Fills in the form for signing in."""
        token = (await self.get("/console/sign-in")).form_token
        form = {"form_token": token, "name": name, "password": password, **fields}
        return await self.send("/console/sign-in", form)


async def why_and_story(
    server: Onhook, browser: Browser, session: str
) -> tuple[dict[str, Any], Page]:
    """What `calls why` says of a call, and the page of its story, both of one moment.

    What is said moves on when an attempt of a notification is written: of two answers of the command that say
    the same, the page between them is of then.
    """
    said: dict[str, Any] = {}
    while True:
        page = await browser.get(f"/console/calls/{session}")
        before, said = said, json.loads(await command(server, "calls", "why", session, "--json"))
        if before and all(before[part] == said[part] for part in ("sentence", "advice")):
            return said, page


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
