import asyncio
import socket
import threading
from collections.abc import Sequence

import pytest

from onhook.notify.addresses import AddressPolicy
from onhook.notify.errors import AddressRefused, NotResolved
from onhook.notify.resolver import AddressResolver, Lookup, system_lookup
from onhook.urls import parse


def book(*addresses: str) -> Lookup:
    return lambda host: addresses


async def resolve(url: str, lookup: Lookup, allowed: Sequence[str] = ()) -> list[str]:
    resolver = AddressResolver(AddressPolicy(allowed), lookup=lookup)
    try:
        return [str(address) for address in await resolver.resolve(parse(url))]
    finally:
        resolver.close()


async def test_the_systems_names_count() -> None:
    assert "127.0.0.1" in await resolve("http://localhost/", system_lookup, ["127.0.0.0/8"])
    with pytest.raises(AddressRefused, match="loopback"):
        await resolve("http://localhost/", system_lookup)


async def test_only_the_allowed_addresses_of_a_name_are_used() -> None:
    lookup = book("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1111", "::ffff:1.1.1.1")
    found = await resolve("http://example.com/", lookup)
    assert found == ["8.8.8.8", "2606:4700::1111", "1.1.1.1"]


async def test_a_name_with_refused_addresses_only() -> None:
    with pytest.raises(AddressRefused, match="RFC 1918"):
        await resolve("http://example.com/", book("10.0.0.1", "127.0.0.1"))


async def test_a_literal_is_judged_and_not_looked_up() -> None:
    def lookup(host: str) -> Sequence[str]:
        raise AssertionError("nothing to look up")

    assert await resolve("http://8.8.8.8/", lookup) == ["8.8.8.8"]
    assert await resolve("http://[::ffff:8.8.8.8]/", lookup) == ["8.8.8.8"]
    with pytest.raises(AddressRefused):
        await resolve("http://[::ffff:10.0.0.1]/", lookup)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (socket.gaierror(socket.EAI_NONAME, ""), "no address"),
        (socket.gaierror(socket.EAI_AGAIN, ""), "did not answer"),
        (OSError(24, "Too many open files"), "could not be looked up"),
        (UnicodeError("label too long"), "could not be looked up"),
    ],
)
async def test_a_name_that_cannot_be_resolved(error: Exception, why: str) -> None:
    def lookup(host: str) -> Sequence[str]:
        raise error

    with pytest.raises(NotResolved, match=why):
        await resolve("http://example.com/", lookup)


async def test_a_name_without_addresses() -> None:
    with pytest.raises(NotResolved, match="no address"):
        await resolve("http://example.com/", book())


async def test_a_flood_of_addresses_is_cut() -> None:
    lookup = book(*(f"8.8.{i // 256}.{i % 256}" for i in range(1000)))
    assert len(await resolve("http://example.com/", lookup)) == 8


async def test_a_slow_name_server_is_not_waited_for() -> None:
    answer = threading.Event()

    def lookup(host: str) -> Sequence[str]:
        answer.wait(60)
        return ["8.8.8.8"]

    resolver = AddressResolver(AddressPolicy(), lookup=lookup, deadline_s=0.01)
    try:
        with pytest.raises(NotResolved, match="within"):
            await resolver.resolve(parse("http://example.com/"))
    finally:
        answer.set()
        resolver.close()


async def test_one_lookup_for_all_who_ask_and_for_a_few_seconds() -> None:
    asked: list[str] = []
    now = 0.0

    def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        return [f"8.8.8.{len(asked)}"]

    resolver = AddressResolver(AddressPolicy(), lookup=lookup, clock=lambda: now)
    url = parse("http://example.com/")
    try:
        first = await asyncio.gather(*(resolver.resolve(url) for _ in range(20)))
        assert {str(address) for addresses in first for address in addresses} == {"8.8.8.1"}
        assert asked == ["example.com"]
        now = 60.0  # names move
        assert [str(address) for address in await resolver.resolve(url)] == ["8.8.8.2"]
    finally:
        resolver.close()


async def test_failures_are_not_remembered_and_each_gets_an_exception_of_its_own() -> None:
    asked: list[str] = []

    def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        return ["10.0.0.1"] if len(asked) == 1 else ["8.8.8.8"]

    resolver = AddressResolver(AddressPolicy(), lookup=lookup)
    url = parse("http://example.com/")
    try:
        refused = await asyncio.gather(
            *(resolver.resolve(url) for _ in range(3)), return_exceptions=True
        )
        assert [type(error) for error in refused] == [AddressRefused] * 3
        assert len({id(error) for error in refused}) == 3
        assert await resolver.resolve(url)
    finally:
        resolver.close()


async def test_a_closed_resolver_says_so() -> None:
    resolver = AddressResolver(AddressPolicy(), lookup=book("8.8.8.8"))
    resolver.close()
    with pytest.raises(NotResolved):
        await resolver.resolve(parse("http://example.com/"))
