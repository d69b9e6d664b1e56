"""Hangs a call up through what openapi-generator made: URL, app_id, access_token, session, msg."""

# mypy: ignore-errors
import sys

from openapi_client import ApiClient, BlocksApi, Configuration

url, app_id, access_token, session, msg = sys.argv[1:]
with ApiClient(Configuration(host=url)) as client:
    reply = BlocksApi(client).hangup(app_id, access_token, session, msg=msg)
    print(reply.status)
