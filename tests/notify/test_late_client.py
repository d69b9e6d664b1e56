"""A client that loads its library when it is needed: `CheckedFetcher` and the server use no other."""

import asyncio
import subprocess
import sys
from ipaddress import ip_network

import pytest
from aiohttp import web

from onhook import urls
from onhook.notify.addresses import AddressPolicy
from onhook.notify.errors import DownloadFailed
from onhook.notify.late_client import LateClient
from onhook.notify.resolver import AddressResolver
from onhook.notify.tls import client_context

_PROGRAM = """
import asyncio, sys
import onhook.calls.preparation, onhook.server.prompt_making, onhook.notify.reachability
from onhook import urls
from onhook.notify.addresses import AddressPolicy
from onhook.notify.errors import DownloadRefused
from onhook.notify.late_client import LateClient
from onhook.notify.resolver import AddressResolver
from onhook.notify.tls import client_context

async def run():
    client = LateClient(AddressResolver(AddressPolicy()), client_context())
    print("aiohttp" in sys.modules)
    try:
        await client.download(urls.parse("http://127.0.0.1/file"), 1000, 30)
    except DownloadRefused:
        print("aiohttp" in sys.modules)
    await client.close()

asyncio.run(run())
"""


def test_the_library_is_loaded_by_the_first_download() -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["False", "True"], ran.stderr


async def _answer(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"sound")


async def test_several_who_ask_at_once_get_their_files_by_one_client() -> None:
    runner = web.ServerRunner(web.Server(_answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    resolver = AddressResolver(AddressPolicy((ip_network("127.0.0.0/8"),)))
    client = LateClient(resolver, client_context())
    url = urls.parse(f"http://127.0.0.1:{runner.addresses[0][1]}/file")
    try:
        files = await asyncio.gather(*[client.download(url, 1000, 30) for _ in range(5)])
        assert [file.body for file in files] == [b"sound"] * 5
        first = client._client
        await client.download(url, 1000, 30)
        assert client._client is first
        await client.close()
        with pytest.raises(DownloadFailed):
            await client.download(url, 1000, 30)
    finally:
        resolver.close()
        await runner.cleanup()
