"""From a template and values to a page. Jinja2 is imported here and nowhere else.

Everything is escaped; a value that a template names and nobody gave is an error, not an empty place.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from onhook.console.drawings.text import plain

_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"


def environment() -> jinja2.Environment:
    """The templates of the console."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["when"] = when
    made.filters["spoken"] = spoken
    made.filters["plain"] = plain
    made.globals["static"] = static_url
    return made


def when(at_ms: int | None, form: str = "") -> Markup:
    """A moment: in UTC, until the browser shows it in its own zone. ``form`` ``time`` leaves out the date."""
    if at_ms is None:
        return Markup("")
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    exact = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown = moment.strftime("%H:%M:%S UTC" if form == "time" else "%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" data-local="{}">{}</time>').format(exact, form, shown)


def spoken(seconds: float) -> str:
    """A length of time as people say it: 42 s, 3 min 5 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def static_url(name: str) -> str:
    """Where a file of ours is; another address when it has changed, so that browsers may keep it."""
    return f"/console/static/{name}?v={_VERSIONS[name]}"


def render(made: jinja2.Environment, template: str, values: Mapping[str, Any]) -> str:
    """The page."""
    return made.get_template(template).render(values)


def _versions() -> Mapping[str, str]:
    return {
        path.name: sha256(path.read_bytes()).hexdigest()[:12]
        for path in STATIC.iterdir()
        if path.suffix in (".css", ".js", ".svg")
    }


_VERSIONS: Final = _versions()
