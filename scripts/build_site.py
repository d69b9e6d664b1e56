"""Builds the documentation as a site: docs/, with the pages that it leads to, into a directory of HTML.

Sphinx reads the pages as they stand, in the Markdown that a forge shows (MyST; the theme is Furo). The
menu is what the README of each directory links to: a heading of the first one is a heading of the menu.
Links that leave docs/ lead to pages of the site too, or to a copy of the file. A page that no menu has, and
a link that leads nowhere, stop it.

The pages have no script and no style in themselves: what Sphinx and Furo write into a page is moved into
files beside it, so that they can be served with a policy that lets nothing else run.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "src" / "onhook" / "api" / "guide_pages"
"""Where the server looks for it, and where the wheel gets it from."""

FIRST = "index.md"
ELSEWHERE = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "bench/README.md": "bench.md",
    "examples/README.md": "examples/README.md",
}
"""Pages outside docs/, and what they are called in the site."""

LICENCES = {
    "furo": "licenses/LICENSE",
    "sphinx": "licenses/LICENSE.rst",
    "snowballstemmer": "licenses/COPYING",
}
"""Of whose scripts and styles are in the site, each with its text in the package."""

API_LINK = """\
<div class="sidebar-tree"><ul><li class="toctree-l1">
<a class="reference internal" href="/docs">This server's API</a></li></ul></div>
"""
"""Above the menu: the reference that the server itself writes, with its own address in the examples."""

OPTIONS: dict[str, object] = {
    "project": "Onhook",
    "author": "",
    "extensions": ["myst_parser"],
    "root_doc": "index",
    "exclude_patterns": [],
    "nitpicky": True,
    "pygments_style": "a11y-high-contrast-light",
    "myst_heading_anchors": 4,
    "html_theme": "furo",
    "html_title": "Onhook",
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_show_sphinx": False,
    "html_use_index": False,
    "html_use_opensearch": "",
    "html_sidebars": {
        "**": [
            "sidebar/brand.html",
            "sidebar/search.html",
            "sidebar/scroll-start.html",
            "api.html",
            "sidebar/navigation.html",
            "sidebar/scroll-end.html",
        ]
    },
    "highlight_language": "none",
    "smartquotes": False,
}

_FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""(<[a-z][^<>]*?)\sstyle="([^"]*)\"""")
_ARTICLE = re.compile(r"<article\b.*?</article>", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Builds the site; 1 if something is wrong with a page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=BUILT, help="where the site goes")
    target: Path = parser.parse_args(arguments).to
    with tempfile.TemporaryDirectory() as made:
        source, out = Path(made, "source"), Path(made, "site")
        stage(source)
        status = build(source, out)
        if status == 0:
            settle(out)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(out, target)
            size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
            print(f"{len(list(target.rglob('*.html')))} pages, {size / 2**20:.1f} MiB: {target}")
    return status


# What Sphinx reads --------------------------------------------------------------------------------


def stage(source: Path) -> None:
    """Lays out the pages, with their menus and with links that hold there."""
    names = dict(ELSEWHERE)
    for path in sorted((ROOT / "docs").rglob("*.md")):
        within = path.relative_to(ROOT / "docs").as_posix()
        names[f"docs/{within}"] = FIRST if within == "README.md" else within
    for page, name in names.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        menu = "".join(_menu(text, first=name == FIRST)) if page.endswith("README.md") else ""
        written = source / name
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(_relinked(text + menu, page, name, names, source), encoding="utf-8")


def _menu(text: str, *, first: bool) -> Iterator[str]:
    """The tables of contents of a README: one a heading on the first page, one elsewhere."""
    parts = _HEADING.split(text)
    named = zip(parts[1::2], parts[2::2], strict=True) if first else [("", text)]
    for caption, below in named:
        pages = dict.fromkeys(
            link.partition("#")[0] for _, link, _ in _LINK.findall(below) if ".md" in link
        )
        inside = [page for page in pages if page and "://" not in page]
        if not first:
            inside = [page for page in inside if not page.startswith("../")]
        if inside:
            lines = "\n".join(inside)
            named_so = f":caption: {caption}\n" if caption else ""
            yield f"\n\n```{{toctree}}\n:hidden:\n{named_so}\n{lines}\n```\n"


def _relinked(text: str, page: str, name: str, names: dict[str, str], source: Path) -> str:
    """The text with its links as they have to be in the site; what is not a page is copied there."""
    parts = _FENCE.split(text)
    for at, part in enumerate(parts):
        if part.startswith("```{toctree}"):
            lines = part.split("\n")
            parts[at] = "\n".join(
                _target(line, page, name, names, source) if line.endswith(".md") else line
                for line in lines
            )
        elif not part.startswith("```"):
            parts[at] = _LINK.sub(
                lambda link: _linked(link, _target(link[2], page, name, names, source)), part
            )
    return "".join(parts)


def _linked(link: re.Match[str], target: str) -> str:
    """The link with another target; only its text, if it has none."""
    return f"{link[1]}{target}{link[3]}" if target else link[1].removeprefix("[").removesuffix("](")


def _target(link: str, page: str, name: str, names: dict[str, str], source: Path) -> str:
    path, mark, anchor = link.partition("#")
    if "://" in path or not path:
        return link
    meant = os.path.normpath(Path(page).parent / path)
    inside = names.get(meant)
    if inside is None:
        if (ROOT / meant).is_dir():
            return ""  # a site shows no directories
        if not (ROOT / meant).is_file():
            raise SystemExit(f"{page}: the link to {link} leads nowhere")
        inside = meant.removeprefix("docs/")
        if inside.endswith(".py"):
            inside += ".txt"  # to be read in a browser; and the package has no more modules by it
        (source / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / meant, source / inside)
    return os.path.relpath(inside, Path(name).parent) + mark + anchor


def build(source: Path, out: Path) -> int:
    """Has Sphinx make HTML of it; every warning is an error."""
    from sphinx.application import Sphinx  # not where only the pages are looked at

    templates = source.parent / "templates"
    templates.mkdir()
    (templates / "api.html").write_text(API_LINK, encoding="utf-8")
    application = Sphinx(
        source,
        None,
        out,
        source.parent / "doctrees",
        "html",
        confoverrides={**OPTIONS, "templates_path": [str(templates)]},
        status=None,
        warning=sys.stderr,
        warningiserror=True,
        exception_on_warning=False,
    )
    application.build()
    return int(application.statuscode)


# What Sphinx wrote --------------------------------------------------------------------------------


def settle(out: Path) -> None:
    """Takes away what nobody asks for, and moves scripts and styles out of the pages."""
    shutil.rmtree(out / "_sources", ignore_errors=True)
    for pattern in (".buildinfo", "objects.inv", "_static/**/*.map", "_static/*.png"):
        for unwanted in out.glob(pattern):
            unwanted.unlink()
    for package, file in LICENCES.items():
        text = distribution(package).read_text(file)
        assert text is not None
        (out / "_static" / f"{package}.LICENSE.txt").write_text(text, encoding="utf-8")
    for page in out.rglob("*.html"):
        page.write_text(_moved(page.read_text(encoding="utf-8"), page, out), encoding="utf-8")


def _moved(text: str, page: Path, out: Path) -> str:
    """A page without a script or a style in itself."""
    up = os.path.relpath(out / "_static", page.parent)

    def script(found: re.Match[str]) -> str:
        return f'<script src="{up}/{_kept(out, found[1], "js")}"></script>'

    def style(found: re.Match[str]) -> str:
        return f'<link rel="stylesheet" href="{up}/{_kept(out, found[1], "css")}">'

    text = text.replace(
        "</head>", '<link rel="icon" href="data:,"></head>', 1
    )  # else one is asked for
    text = _STYLE.sub(style, _SCRIPT.sub(script, text))
    rules = {}

    def attribute(found: re.Match[str]) -> str:
        name = "s" + hashlib.sha256(found[2].encode()).hexdigest()[:8]
        rules[name] = f'[data-style="{name}"] {{ {found[2]} }}\n'
        return f'{found[1]} data-style="{name}"'

    text = _ATTRIBUTE.sub(attribute, text)
    if rules:
        sheet = _kept(out, "".join(rules[name] for name in sorted(rules)), "css")
        text = text.replace("</head>", f'<link rel="stylesheet" href="{up}/{sheet}"></head>', 1)
    return text


def _kept(out: Path, text: str, ending: str) -> str:
    """The name of a file with this text."""
    name = f"page-{hashlib.sha256(text.encode()).hexdigest()[:12]}.{ending}"
    (out / "_static" / name).write_text(text, encoding="utf-8")
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
