"""``/docs/guide/``: what was built is served by a policy that lets nothing else run, and else it is said."""

from pathlib import Path

import pytest

from api.test_pages import ask
from onhook.api import pages


@pytest.fixture
def built(tmp_path: Path) -> Path:
    site = tmp_path / "guide"
    (site / "_static").mkdir(parents=True)
    (site / "index.html").write_text("<h1>Onhook</h1>")
    (site / "_static" / "menu.js").write_text("menu()")
    (tmp_path / "secret").write_text("a secret")
    return site


@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [("", "text/html", "<h1>Onhook</h1>"), ("_static/menu.js", "text/javascript", "menu()")],
)
async def test_a_file_is_served_with_a_policy(built: Path, path: str, kind: str, text: str) -> None:
    status, headers, body = await ask(
        f"/docs/guide/{path}", routes=pages.routes(guide_directory=built)
    )

    assert (status, body) == (200, text)
    assert headers["content-type"].startswith(kind)
    assert headers["x-content-type-options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"


async def test_a_file_that_is_there_already_is_not_sent_again(built: Path) -> None:
    routes = pages.routes(guide_directory=built)
    _, headers, _ = await ask("/docs/guide/", routes=routes)

    known = [(b"if-none-match", headers["etag"].encode())]
    status, headers, body = await ask("/docs/guide/", further=known, routes=routes)
    assert (status, body) == (304, "")
    assert headers["cache-control"] == "no-cache"


async def test_the_path_without_a_slash_leads_to_the_first_page(built: Path) -> None:
    status, headers, _ = await ask("/docs/guide", routes=pages.routes(guide_directory=built))

    assert (status, headers["location"]) == (307, "/docs/guide/")


@pytest.mark.parametrize(
    "path", ["nothing.html", "../secret", "_static/../../secret", "_static/", "a\0b"]
)
async def test_what_is_not_there_is_a_page_that_says_so(built: Path, path: str) -> None:
    routes = pages.routes(guide_directory=built)
    status, headers, body = await ask(f"/docs/guide/{path}", routes=routes)

    assert status == 404
    assert "There is no such page" in body
    assert "a secret" not in body
    assert headers["content-security-policy"].startswith("default-src 'none'; ")


async def test_a_program_without_the_site_says_how_it_is_made(tmp_path: Path) -> None:
    routes = pages.routes(guide_directory=tmp_path / "none")
    status, _, body = await ask("/docs/guide/tutorial.html", routes=routes)

    assert status == 404
    assert "make site" in body


async def test_the_search_of_the_reference_leads_to_that_of_the_guide() -> None:
    _, _, body = await ask("/docs/search", query="q=max_digits+%26+more")

    assert 'href="/docs/guide/search.html?q=max_digits+%26+more"' in body
