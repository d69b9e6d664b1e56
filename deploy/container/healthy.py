#!/opt/onhook/bin/python -IS
"""The container's health check: status 0 if `/healthz` says that new calls are taken.

Where it listens is read from ONHOOK_HTTP alone, as loading all settings would cost a second of CPU a minute.
"""

import os
from http.client import HTTPConnection

PATIENCE_S = 5

host, _, port = os.environ.get("ONHOOK_HTTP", "127.0.0.1:8080").rpartition(":")
try:
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE_S)
    connection.request("GET", "/healthz")
    raise SystemExit(connection.getresponse().status != 200)
except OSError as error:
    raise SystemExit(f"{host}:{port} does not answer: {error}") from error
