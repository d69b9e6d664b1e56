"""``/docs/guide/``: the documentation as a site, as ``make site`` has built it into the package.

Its pages have scripts (menu, search), but none in themselves, so the policy lets those of this server run
and nothing else. What is not there, or was not built, gets a page of the reference that says so.
"""

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

BUILT: Final = Path(__file__).parent / "guide_pages"
"""Where the site is, in a package that has it."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""With every reply. It is asked again whether a page is still the same: another version has other pages."""


class Guide(StaticFiles):
    """The site as it was built; ``missing`` is what stands in place of a page that is not there."""

    def __init__(self, missing: Response, directory: Path = BUILT) -> None:
        self._missing = missing
        self._built = directory.is_dir()
        super().__init__(directory=directory, html=True, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file of the site, whatever it is, with the policy."""
        if not self._built:
            return self._missing
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            return self._missing
        response.headers.update(HEADERS)
        return response

    async def check_config(self) -> None:
        """Nothing: a package may be without the site."""
