"""A collector of OpenTelemetry: an HTTP server that decodes what arrives, by the collectors' own schema."""

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

WAIT_S = 60.0


@dataclass(frozen=True)
class Received:
    """A span that arrived."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    begin_ns: int
    end_ns: int
    attributes: dict[str, Any]
    failed: bool
    message: str


@dataclass
class Collector:
    """Takes spans at ``url``; answers with ``status``."""

    port: int = 0
    status: int = 200
    spans: list[Received] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    def __enter__(self) -> Self:
        self._changed = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces", self.path
                assert self.headers["Content-Type"] == "application/json"
                status = collector._take(body)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self, seen: Callable[[list[Received]], bool]) -> list[Received]:
        """All spans, once this is true of them."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: seen(self.spans), WAIT_S)
            assert arrived, [(one.name, one.attributes) for one in self.spans]
            return list(self.spans)

    def _take(self, body: bytes) -> int:
        with self._changed:
            if self.status != 200:
                self.refused += 1
            else:
                self._decode(body)
            self._changed.notify_all()
            return self.status

    def _decode(self, body: bytes) -> None:
        read = json_format.Parse(_with_bytes(body), ExportTraceServiceRequest())
        for resource in read.resource_spans:
            self.resources.append(_pairs(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.spans += map(_received, scope.spans)


def _with_bytes(body: bytes) -> str:
    """Ids as protobuf reads them from JSON: OTLP has them in hexadecimal."""
    data = json.loads(body)
    for resource in data["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json.dumps(data)


def _received(span: Any) -> Received:
    return Received(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _pairs(span.attributes),
        span.status.code == 2,
        span.status.message,
    )


def _pairs(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
