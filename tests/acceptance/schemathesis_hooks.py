"""What Schemathesis is told about this API: loaded into its process by ``test_schemathesis``.

With ``ONHOOK_TEST_APP_ID`` and ``ONHOOK_TEST_ACCESS_TOKEN`` every request comes from that application,
without them from a stranger.
"""

import os
from typing import Any

import schemathesis

CREDENTIALS = {
    name: os.environ[f"ONHOOK_TEST_{name.upper()}"]
    for name in ("app_id", "access_token")
    if f"ONHOOK_TEST_{name.upper()}" in os.environ
}
UNKNOWN = {"error_invalid_access_token", "error_invalid_app_id"}


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Lets the application ask, in the body if that has fields, else in the query string."""
    if not CREDENTIALS or not case.operation.path.startswith("/open/"):
        return
    if isinstance(case.body, dict):
        case.body = {**case.body, **CREDENTIALS}
    else:
        case.query = {**(case.query or {}), **CREDENTIALS}


@schemathesis.check
def status_means_what_it_says(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """API errors are HTTP 200, so the status in the reply has to be looked at too."""
    method = response.request.method
    if not case.operation.path.startswith("/open/") or method == "HEAD":
        return
    assert response.status_code == 200
    status = response.json()["status"]
    assert status != "error_internal_server_error"
    if method not in ("GET", "POST"):
        assert status == "error_invalid_http_method"
    elif CREDENTIALS:
        assert status not in UNKNOWN
    else:
        assert status != "success_ok"
