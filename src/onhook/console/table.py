"""Every page of the console: where it is, who may see it, what answers. There is no other way in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from onhook.console.pages import (
    account,
    applications,
    assets,
    audit,
    calls,
    charts,
    live,
    money,
    numbers,
    operators,
    sign_in,
    story,
    trunks,
)
from onhook.console.roles import Role
from onhook.console.visit import Visit

Answer = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or what is done by one."""

    method: str
    """``GET``, which changes nothing, or ``POST``."""
    path: str
    """Whole; ``{name}`` is a parameter."""
    answer: Answer
    role: Role | None
    """Who may; None: everybody, signed in or not."""
    by_itself: bool = False
    """Asked by the page, not by a person: it does not keep a session from becoming old."""


PAGES: Final = (
    # Open to everybody.
    Page("GET", "/console/sign-in", sign_in.show, None),
    Page("POST", "/console/sign-in", sign_in.sign_in, None),
    Page("GET", "/console/static/{name}", assets.asset, None),
    # Of whoever has signed in.
    Page("GET", "/console", live.begin, Role.LOOK),
    Page("POST", "/console/sign-out", sign_in.sign_out, Role.LOOK),
    Page("GET", "/console/account", account.show, Role.LOOK),
    Page("POST", "/console/account/password", account.change_password, Role.LOOK),
    Page("GET", "/console/state", live.state, Role.LOOK, by_itself=True),
    Page("GET", "/console/live", live.show, Role.LOOK),
    Page("GET", "/console/live/stream", live.stream, Role.LOOK, by_itself=True),
    Page("GET", "/console/calls", calls.show, Role.LOOK),
    Page("GET", "/console/calls/{session}", story.show, Role.LOOK),
    Page("GET", "/console/calls/{session}/part", story.part, Role.LOOK, by_itself=True),
    Page("POST", "/console/calls/{session}/hangup", story.hang_up, Role.OPERATE),
    Page(
        "POST",
        "/console/calls/{session}/notifications/{notification}/replay",
        story.replay,
        Role.OPERATE,
    ),
    Page("GET", "/console/recordings/{name}.svg", story.waveform, Role.LOOK),
    Page("GET", "/console/audit", audit.show, Role.ADMINISTER),
    # What an administrator changes.
    Page("GET", "/console/applications", applications.show, Role.LOOK),
    Page("POST", "/console/applications", applications.create, Role.ADMINISTER),
    Page("GET", "/console/applications/{app_id}", applications.show_one, Role.LOOK),
    Page("POST", "/console/applications/{app_id}/update", applications.update, Role.ADMINISTER),
    Page("POST", "/console/applications/{app_id}/remove", applications.remove, Role.ADMINISTER),
    Page("POST", "/console/applications/{app_id}/tokens", applications.add_token, Role.ADMINISTER),
    Page(
        "POST",
        "/console/applications/{app_id}/tokens/{name}/rotate",
        applications.rotate_token,
        Role.ADMINISTER,
    ),
    Page(
        "POST",
        "/console/applications/{app_id}/tokens/{name}/revoke",
        applications.revoke_token,
        Role.ADMINISTER,
    ),
    Page("GET", "/console/numbers", numbers.show, Role.LOOK),
    Page("POST", "/console/numbers", numbers.add, Role.ADMINISTER),
    Page("GET", "/console/numbers/{number}", numbers.show_one, Role.LOOK),
    Page("POST", "/console/numbers/{number}/set", numbers.change, Role.ADMINISTER),
    Page("POST", "/console/numbers/{number}/move", numbers.move, Role.ADMINISTER),
    Page("POST", "/console/numbers/{number}/remove", numbers.remove, Role.ADMINISTER),
    Page("GET", "/console/trunks", trunks.show, Role.LOOK),
    Page("POST", "/console/trunks", trunks.add, Role.ADMINISTER),
    Page("POST", "/console/trunk-load", trunks.load, Role.ADMINISTER),
    Page("GET", "/console/trunks/{name}", trunks.show_one, Role.LOOK),
    Page("POST", "/console/trunks/{name}/test", trunks.test, Role.OPERATE),
    Page("POST", "/console/trunks/{name}/set", trunks.change, Role.ADMINISTER),
    Page("POST", "/console/trunks/{name}/remove", trunks.remove, Role.ADMINISTER),
    Page("GET", "/console/money", money.show, Role.LOOK),
    Page("POST", "/console/money", money.create_account, Role.ADMINISTER),
    Page("GET", "/console/money/{account}", money.show_account, Role.LOOK),
    Page("POST", "/console/money/{account}/set", money.change_account, Role.ADMINISTER),
    Page("POST", "/console/money/{account}/credit", money.credit, Role.ADMINISTER),
    Page("POST", "/console/money/{account}/remove", money.remove_account, Role.ADMINISTER),
    Page("POST", "/console/rates", money.set_rate, Role.ADMINISTER),
    Page("POST", "/console/rates/remove", money.remove_rate, Role.ADMINISTER),
    Page("GET", "/console/charts", charts.show, Role.LOOK),
    Page("GET", "/console/operators", operators.show, Role.ADMINISTER),
    Page("POST", "/console/operators", operators.add, Role.ADMINISTER),
    Page("GET", "/console/operators/{operator}", operators.show_one, Role.ADMINISTER),
    Page("POST", "/console/operators/{operator}/set", operators.change, Role.ADMINISTER),
    Page(
        "POST", "/console/operators/{operator}/password", operators.change_password, Role.ADMINISTER
    ),
    Page("POST", "/console/operators/{operator}/unlock", operators.unlock, Role.ADMINISTER),
    Page("POST", "/console/operators/{operator}/remove", operators.remove, Role.ADMINISTER),
)
