"""Where a redirected download goes on (RFC 9110, section 15.4). Pure."""

from typing import Final
from urllib.parse import urljoin

from onhook import urls
from onhook.notify.errors import DownloadFailed, DownloadRefused
from onhook.urls import UrlRefused, WebUrl

MAX_REDIRECTS: Final = 3
"""How often a download may be sent elsewhere."""

STATUSES: Final = frozenset({301, 302, 303, 307, 308})


def next_url(url: WebUrl, status: int, location: str | None) -> WebUrl | None:
    """Where a reply to `url` sends us; None if it is no redirect.

    The address is read as strictly as the first one, and is not resolved here. Raises `DownloadFailed`
    for what is no address, and `DownloadRefused` for a way from https to http: who named https wanted
    nobody on the way to change what callers hear.
    """
    if status not in STATUSES or location is None:
        return None
    try:
        target = urls.parse(urljoin(str(url), location))
    except (UrlRefused, ValueError) as error:
        detail = error.detail if isinstance(error, UrlRefused) else "the URL cannot be read"
        raise DownloadFailed(f"the server redirects it elsewhere, and {detail}", status) from error
    if url.scheme == "https" and target.scheme == "http":
        raise DownloadRefused("the server redirects it from https to http")
    return target
