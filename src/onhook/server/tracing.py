"""What is told of calls while they go on: their traces, for operators, and their spans, for a collector."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from onhook.blocks import BlockRequest
from onhook.call import Event
from onhook.calls.traces import Recorder, asked_by
from onhook.notify.handover import Tried
from onhook.phone.message import Address
from onhook.store import CallRecord, Writes
from onhook.store.traces import TraceFile

if TYPE_CHECKING:
    from onhook.calls.spans import Spans
    from onhook.server.metrics import Metrics
    from onhook.server.otlp import Exporter
    from onhook.server.settings import Settings

log = structlog.get_logger()

_EVERY_S = 1.0

Run = Callable[[str, BlockRequest, float], Awaitable[Mapping[str, object]]]
SessionOf = Callable[[Mapping[str, str]], str | None]


class Tracing:
    """What the switch tells of messages, states and requests; no trace where ``--trace-days`` is 0, and no
    spans without an ``--otlp-endpoint``, nor what it takes to send any."""

    def __init__(self, settings: "Settings", metrics: "Metrics") -> None:
        self.on_message: Callable[[str, bytes, Address], None] | None = None
        self.on_write: Callable[[Writes], None] | None = None
        self.on_event: Callable[[str, Event], None] | None = None
        self.on_tried: Callable[[Sequence[Tried]], None] | None = None
        self.on_refused: Callable[[str, str, float, str], None] | None = None
        self.recorder: Recorder | None = None
        self._file: TraceFile | None = None
        self._spans: Spans | None = None
        self._exporter: Exporter | None = None
        if settings.trace_days:
            self._file = TraceFile(
                settings.data, days=settings.trace_days, megabytes=settings.trace_mb
            )
            self._file.start()
            self.recorder = recorder = Recorder(self._file.write, private=settings.trace_private)
            self.on_message, self.on_write = recorder.sip, recorder.written
            self.on_event = recorder.happened
        if settings.otlp_endpoint:
            self._send_spans(settings, metrics)

    def _send_spans(self, settings: "Settings", metrics: "Metrics") -> None:
        from onhook.calls.spans import Spans
        from onhook.server.otlp import Exporter

        exporter = Exporter(settings.otlp_endpoint, settings.worker, settings.ca_file)
        exporter.start()
        metrics.watch_spans(lambda: exporter.counters)
        self._exporter = exporter
        self._spans = spans = Spans(exporter.keep)
        self.on_tried, self.on_refused = spans.tried, spans.asked
        written, happened = self.on_write, self.on_event

        def on_write(writes: Writes) -> None:
            if written is not None:
                written(writes)
            spans.written(writes)

        def on_event(session: str, event: Event) -> None:
            if happened is not None:
                happened(session, event)
            spans.happened(session, event)

        self.on_write, self.on_event = on_write, on_event

    def traced(self, run: Run, session_of: SessionOf) -> Run:
        """The same, and what was accepted is in the trace of its call, with the reply, and in its spans;
        ``session_of`` finds the session of what a request names."""
        recorder, spans = self.recorder, self._spans
        if recorder is not None:
            run = _in_trace(run, recorder, session_of)
        return run if spans is None else _in_spans(run, spans)

    def left(self, going_on: Sequence[CallRecord], over: Sequence[CallRecord]) -> None:
        """Calls of the switch before: those that go on, and those that are only ended at their phones."""
        if self.recorder is not None:
            self.recorder.left(going_on, over)
        if self._spans is not None:
            self._spans.left(going_on, over)

    async def run(self) -> None:
        """Has what there is written every second, and says what fails, for ever."""
        not_kept = not_sent = ""
        while self._file is not None or self._exporter is not None:
            await asyncio.sleep(_EVERY_S)
            if self.recorder is not None and self._file is not None:
                self.recorder.flush()
                await self.recorder.sampler.turn()
                not_kept = _told("traces_not_kept", self._file.failed, not_kept)
            if self._exporter is not None:
                not_sent = _told("spans_not_sent", self._exporter.failed, not_sent)

    async def close(self) -> None:
        """What there is, is written and sent."""
        if self.recorder is not None and self._file is not None:
            self.recorder.flush(everything=True)
            await asyncio.to_thread(self._file.close)
        if self._exporter is not None:
            await asyncio.to_thread(self._exporter.close)


def _told(event: str, failed: str, before: str) -> str:
    """Says so when something begins to fail; what is said of it now."""
    if failed and not before:
        log.warning(event, error=failed)
    return failed


def _in_trace(run: Run, recorder: Recorder, session_of: SessionOf) -> Run:
    async def ask(app_id: str, request: BlockRequest, arrived_s: float) -> Mapping[str, object]:
        at_ns = time.time_ns()
        reference = getattr(request, "txn_ref", "")
        named = session_of({"txn_ref": reference}) if reference else ""
        reply = await run(app_id, request, arrived_s)
        session, what = asked_by(request, reply, named or "")
        recorder.asked(session, what, at_ns)
        recorder.replied(session, what, reply)
        return reply

    return ask


def _in_spans(run: Run, spans: "Spans") -> Run:
    async def ask(app_id: str, request: BlockRequest, arrived_s: float) -> Mapping[str, object]:
        reply = await run(app_id, request, arrived_s)
        session, what = asked_by(request, reply)
        if session:
            spans.asked(session, what, arrived_s)
        return reply

    return ask
