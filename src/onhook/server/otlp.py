"""Sends spans to a collector of OpenTelemetry: OTLP over HTTP, as JSON, from a thread of its own.

The official SDK does the same for seven times the CPU of a call's spans (34 us each, measured), 14 MB of the
switch's memory, and an HTTP client and a protobuf library beside it. What is needed of it is this module.
"""

import http.client
import json
import queue
import ssl
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from onhook import __version__
from onhook.calls.spans import Attributes, Span

_PATH: Final = "/v1/traces"
_MOST_WAITING: Final = 8192
"""Spans; what comes beyond is dropped."""
_MOST_AT_ONCE: Final = 64
"""Spans of a batch: a millisecond of writing, for which nobody else's turn is kept waiting."""
_GATHER_S: Final = 0.5
_PATIENCE_S: Final = 5.0
_AWAY_S: Final = 5.0
"""A collector that is away is left alone for so long; what comes meanwhile waits, as far as there is room."""
_KINDS: Final = {"internal": 1, "server": 2, "client": 3}
_ERROR: Final = 2


class Exporter:
    """The way to one collector. ``counters`` says how many spans were ``sent``, ``dropped``, ``refused``."""

    def __init__(self, endpoint: str, worker: str, ca_file: Path | None) -> None:
        """``endpoint`` is a URL; without a path of its own, that of OTLP is put behind it."""
        url = urlsplit(endpoint)
        self._host, self._port, self._secure = url.hostname or "", url.port, url.scheme == "https"
        path = url.path.rstrip("/")
        self._path = path if path.endswith(_PATH) else path + _PATH
        self._tls = ssl.create_default_context() if self._secure else None
        if self._tls is not None and ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._head, self._foot = _around(worker)
        self._waiting: queue.SimpleQueue[Span | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self.counters: Counter[str] = Counter(sent=0, dropped=0, refused=0)
        self.failed = ""
        """Why the last batch did not arrive; empty if it did."""

    def start(self) -> None:
        """From now on spans leave."""
        self._thread.start()

    def keep(self, span: Span) -> None:
        """Takes a span, to be sent soon. Waits for nothing; what there is no room for is dropped."""
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(span)
        else:
            self.counters["dropped"] += 1

    def close(self) -> None:
        """Returns when what there was has been sent, or was tried once."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(2 * _PATIENCE_S)

    def _run(self) -> None:
        while (batch := self._gathered()) is not None:
            self._send(batch)
        if self._connection is not None:
            self._connection.close()

    def _gathered(self) -> Sequence[Span] | None:
        """The next spans, once there are some; None at the end."""
        first = self._waiting.get()
        if first is None:
            return None
        self._closing.wait(_GATHER_S if self._waiting.qsize() < _MOST_AT_ONCE else 0)
        batch = [first]
        while len(batch) < _MOST_AT_ONCE and not self._waiting.empty():
            one = self._waiting.get()
            if one is None:
                self._waiting.put(None)  # the end is read with the next batch, which is none
                break
            batch.append(one)
        return batch

    def _send(self, batch: Sequence[Span]) -> None:
        """Tries until it arrives, is refused, or everything comes to its end; then it is lost."""
        body = self._head + b",".join(map(_written, batch)) + self._foot
        while True:
            try:
                status = self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self._disconnect()
                self.failed = f"{type(error).__name__}: {error}"
            else:
                if status < 300:
                    self.failed = ""
                    self.counters["sent"] += len(batch)
                    return
                self.failed = f"the collector answered {status}"
                if status not in (408, 429, 502, 503, 504):
                    self.counters["refused"] += len(batch)
                    return
            if self._closing.wait(_AWAY_S):
                self.counters["dropped"] += len(batch)
                return

    def _post(self, body: bytes) -> int:
        if self._connection is None:
            self._connection = self._connected()
        headers = {"Content-Type": "application/json", "User-Agent": f"Onhook/{__version__}"}
        try:
            self._connection.request("POST", self._path, body, headers)
            reply = self._connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):  # it was kept for too long
            self._disconnect()
            self._connection = self._connected()
            self._connection.request("POST", self._path, body, headers)
            reply = self._connection.getresponse()
        reply.read()
        return reply.status

    def _connected(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=_PATIENCE_S, context=self._tls
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE_S)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _around(worker: str) -> tuple[bytes, bytes]:
    """What stands before and behind the spans of a batch: whose they are."""
    resource = _pairs(
        {
            "service.name": "onhook",
            "service.version": __version__,
            "service.instance.id": worker,
        }
    )
    whole = json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": resource},
                    "scopeSpans": [{"scope": {"name": "onhook"}, "spans": []}],
                }
            ]
        }
    ).encode()
    at = whole.index(b'"spans": [') + len(b'"spans": [')
    return whole[:at], whole[at:]


def _written(span: Span) -> bytes:
    """As OTLP has it in JSON: ids in hexadecimal, times as text."""
    made: dict[str, object] = {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.begin_ns),
        "endTimeUnixNano": str(max(span.begin_ns, span.end_ns)),
        "attributes": _pairs(span.attributes),
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id.hex()
    if span.failed:
        made["status"] = {"code": _ERROR, "message": span.failed}
    return json.dumps(made).encode()


def _pairs(attributes: Attributes) -> list[Mapping[str, object]]:
    """Attributes as OTLP has them; those that are empty are left out."""
    return [{"key": key, "value": _value(one)} for key, one in attributes.items() if one != ""]


def _value(value: str | float | bool) -> Mapping[str, object]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": value}
