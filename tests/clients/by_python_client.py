"""Hangs a call up through what openapi-python-client made: URL, app_id, access_token, session, msg."""

# mypy: ignore-errors
import sys

from onhook_client import Client
from onhook_client.api.blocks import hangup
from onhook_client.models import HangupRequest

url, app_id, access_token, session, msg = sys.argv[1:]
body = HangupRequest(app_id=app_id, access_token=access_token, session=session, msg=msg)
with Client(base_url=url) as client:
    print(hangup.sync(client=client, body=body).status)
