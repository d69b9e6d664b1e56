"""A web server with files for ``<url>``."""

from collections.abc import Mapping

from aiohttp import web


class FileServer:
    """Serves what it was given, by name; use it with ``async with``."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._answers: dict[str, tuple[int, bytes, Mapping[str, str]]] = {}
        self._runner = web.ServerRunner(web.Server(self._get, access_log=None))
        self._port = 0

    async def __aenter__(self) -> "FileServer":
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def serve(
        self,
        name: str,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Serves ``body`` under ``name`` from now on; returns its URL."""
        self._answers[f"/{name}"] = (status, body, headers or {})
        return f"http://127.0.0.1:{self._port}/{name}"

    async def _get(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request.path)
        status, body, headers = self._answers.get(request.path, (404, b"", {}))
        return web.Response(status=status, body=body, headers=headers)
