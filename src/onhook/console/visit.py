"""One request of a browser to one page: who asks, what was sent, and ways to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from onhook.console import rendering, sessions
from onhook.console.connection import Connection
from onhook.console.live_feed import LiveFeed
from onhook.console.navigation import NAVIGATION
from onhook.console.roles import Role
from onhook.console.services import Services
from onhook.console.sessions import Sessions, SignedIn
from onhook.console.signing_in import Doorkeeper
from onhook.store.noted import AuditEntry

_FORM_FIELD = Markup('<input type="hidden" name="form_token" value="{}">')


@dataclass(frozen=True, slots=True)
class Desk:
    """What all visits share."""

    services: Services
    templates: jinja2.Environment
    sessions: Sessions
    doorkeeper: Doorkeeper
    feed: LiveFeed
    pages: Mapping[str, Role | None]
    """Those that can be looked at, by their paths in the table: and who may."""


@dataclass(slots=True)
class Visit:
    """What a page is asked, and asks."""

    request: Request
    desk: Desk
    connection: Connection
    operator: SignedIn | None
    """None at pages that are open to whoever has not signed in."""
    form: Mapping[str, str]
    """The fields of a POST, the last of each name."""
    lists: Mapping[str, Sequence[str]]
    """The same with all values."""

    @property
    def services(self) -> Services:
        """What there is of the server."""
        return self.desk.services

    @property
    def who(self) -> SignedIn:
        """The operator; of a page for which a role is needed there is one."""
        if self.operator is None:
            raise AssertionError("a page that is open to everybody asked who it is")
        return self.operator

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the question mark."""
        return self.request.query_params

    @property
    def wants_part(self) -> bool:
        """Whether htmx asks, for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    def may(self, role: Role) -> bool:
        """Whether the operator has this role or more."""
        return self.operator is not None and self.operator.role.includes(role)

    def leads_to(self, page: str) -> bool:
        """Whether there is a page at this path of the table that this operator may see."""
        role = self.desk.pages.get(page)
        return role is not None and self.may(role)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page, or a part of one, from its template."""
        operator, path = self.operator, self.request.url.path
        token = "" if operator is None else sessions.form_token(operator.token)
        known = {
            "operator": operator,
            "may_operate": self.may(Role.OPERATE),
            "may_administer": self.may(Role.ADMINISTER),
            "form_token": token,
            "form_field": lambda: _FORM_FIELD.format(token),
            "navigation": [
                (item, path == item.path or path.startswith(f"{item.path}/"))
                for item in NAVIGATION
                if self.leads_to(item.path)
            ],
            "said": self._said(),
            "version": self.services.version,
            "path": path,
        }
        page = rendering.render(self.desk.templates, template, {**known, **values})
        return HTMLResponse(page, status)

    def redirect(self, path: str, said: str = "", *, failed: bool = False) -> Response:
        """On to another page, on which ``said`` then stands, as a failure or not."""
        if said and self.operator is not None:
            kind = "failed" if failed else "done"
            signed = sessions.signature(self.operator.token, kind + said)
            page, fragment, place = path.partition("#")
            mark = "&" if "?" in page else "?"
            spoken = urlencode({kind: said, "by": signed}, quote_via=quote)
            path = f"{page}{mark}{spoken}{fragment}{place}"
        if self.wants_part:
            return Response(status_code=204, headers={"HX-Redirect": path})
        return RedirectResponse(path, 303)

    def note(self, what: str, which: str, detail: str = "") -> AuditEntry:
        """The entry for the audit of what this operator does, for whoever writes the change; ids, never phone
        numbers or secrets."""
        return AuditEntry(self.who.name, "console", what, which, detail)

    def _said(self) -> tuple[str, str] | None:
        """What the page before has to say, if it was one of ours."""
        for kind in ("done", "failed"):
            said = self.query.get(kind, "")
            if said and self.operator is not None:
                expected = sessions.signature(self.operator.token, kind + said)
                if sessions.same(self.query.get("by", ""), expected):
                    return kind, said
        return None
