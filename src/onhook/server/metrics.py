"""What an operator watches, in the Prometheus text format at ``/metrics``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from onhook.processes.membership import Running
from onhook.server.process_figures import ProcessFigures

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60)


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "onhook_requests",
            "Requests by block and status.",
            ["block", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "onhook_request_seconds",
            "From a request's arrival to its reply.",
            ["block"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._of_requests: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._hangup_seconds = Histogram(
            "onhook_hangup_to_bye_seconds",
            "From a forced Hangup's request to its BYE.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._attempts = Counter(
            "onhook_notification_attempts",
            "Tries to deliver a notification, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self._http_refused = Counter(
            "onhook_http_refused",
            "Connections that were cut off or answered 400: not HTTP, too large, too slow, too many.",
            registry=self.registry,
        )
        self._loop_lag = Histogram(
            "onhook_loop_lag_seconds",
            "How late the event loop was by its own work but for collections of garbage, looked at "
            "every 20 ms while it has any.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._ended = Counter(
            "onhook_calls_ended",
            "Calls that ended, by who ended them and why.",
            ["ended_by", "cause"],
            registry=self.registry,
        )
        self._by_answer = Counter(
            "onhook_calls_by_answer",
            "Calls that ended, by direction (in, out) and whether they had been answered (yes, no).",
            ["direction", "answered"],
            registry=self.registry,
        )
        self._talked = Counter(
            "onhook_talk_seconds",
            "From answer to end, of calls that ended, by direction.",
            ["direction"],
            registry=self.registry,
        )
        self._of_attempts: dict[str, Counter] = {}
        self._of_ends: dict[tuple[str, str, str, bool], tuple[Counter, Counter, Counter]] = {}

    def request(self, block: str, status: str, seconds: float) -> None:
        """Counts a request by its block and status; ``seconds`` from its arrival to the reply."""
        found = self._of_requests.get((block, status))
        if found is None:  # there are as many as there are blocks and statuses
            found = self._requests.labels(block, status), self._request_seconds.labels(block)
            self._of_requests[block, status] = found
        count, took = found
        count.inc()
        took.observe(seconds)

    def forced_hangup(self, seconds: float) -> None:
        """A forced Hangup's BYE (or rejection) left."""
        self._hangup_seconds.observe(seconds)

    def attempt(self, outcome: str) -> None:
        """Counts a try to deliver a notification, by what it came to."""
        count = self._of_attempts.get(outcome)
        if count is None:  # there are as many as there are outcomes
            count = self._of_attempts[outcome] = self._attempts.labels(outcome)
        count.inc()

    def http_refused(self) -> None:
        """A connection to the HTTP port was cut off before it came to a request."""
        self._http_refused.inc()

    def loop_lag(self, seconds: float) -> None:
        """The event loop was late by this much."""
        self._loop_lag.observe(seconds)

    def ended(self, ended_by: str, cause: str, direction: str, talked_s: float | None) -> None:
        """Counts a call that is over, by who ended it and why, and how long it was answered, if it was."""
        kind = ended_by, cause, direction, talked_s is not None
        found = self._of_ends.get(kind)
        if found is None:  # there are as many as there are causes, and few of them occur
            found = self._of_ends[kind] = (
                self._ended.labels(ended_by, cause),
                self._by_answer.labels(direction, "no" if talked_s is None else "yes"),
                self._talked.labels(direction),
            )
        ended, by_answer, talked = found
        ended.inc()
        by_answer.inc()
        if talked_s:
            talked.inc(talked_s)

    def watch_calls(self, states: Iterable[str], count: Callable[[], Mapping[str, int]]) -> None:
        """Adds a gauge of calls by state, counted when it is asked for."""
        self.registry.register(_Calls(tuple(states), count))

    def watch_sip(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Adds the counters of the SIP endpoint."""
        self.registry.register(_Sip(count))

    def watch_trunks(self, count: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Adds a counter of calls by trunk and outcome; ``count`` gives them by these two."""
        self.registry.register(_Trunks(count))

    def watch_trunk_health(self, look: Callable[[], Mapping[str, Mapping[str, float]]]) -> None:
        """Adds gauges of how trunks are; ``look`` gives by trunk those figures that are known."""
        self.registry.register(_TrunkHealth(look))

    def watch_media(self, look: Callable[[], Mapping[str, float]]) -> None:
        """Adds one gauge a figure of the media plane; ``look`` gives them by name and unit."""
        self.registry.register(_Media(look))

    def watch_processes(self, look: Callable[[], Sequence[Running]]) -> None:
        """Adds what the processes of the server cost; ``look`` gives them."""
        self.registry.register(ProcessFigures(look))

    def watch(self, collector: Collector) -> None:
        """Adds what somebody else collects."""
        self.registry.register(collector)

    def watch_spans(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Adds a counter of spans by what became of them."""
        self.registry.register(_Spans(count))

    def watch_tasks(self, count: Callable[[], int]) -> None:
        """Adds a gauge of the tasks of the event loop: one that is left behind by each call shows here."""
        gauge = Gauge("onhook_tasks", "Tasks of the event loop.", registry=self.registry)
        gauge.set_function(count)

    def text(self) -> bytes:
        """Everything, in the Prometheus text format."""
        return generate_latest(self.registry)


class _Calls(Collector):
    def __init__(self, states: tuple[str, ...], count: Callable[[], Mapping[str, int]]) -> None:
        self._states = states
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """The gauge, with a zero for every state in which there is no call."""
        gauge = GaugeMetricFamily("onhook_calls", "Calls by state.", labels=["state"])
        counts = self._count()
        for state in self._states:
            gauge.add_metric([state], counts.get(state, 0))
        yield gauge


class _Sip(Collector):
    def __init__(self, count: Callable[[], Mapping[str, int]]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """One counter by kind of event."""
        counter = CounterMetricFamily("onhook_sip", "SIP messages by kind.", labels=["kind"])
        for kind, value in self._count().items():
            counter.add_metric([kind], value)
        yield counter


class _Spans(Collector):
    def __init__(self, count: Callable[[], Mapping[str, int]]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """One counter by outcome: a collector that is away shows here."""
        counter = CounterMetricFamily(
            "onhook_spans", "Spans for a collector, by outcome.", labels=["outcome"]
        )
        for outcome, value in self._count().items():
            counter.add_metric([outcome], value)
        yield counter


class _Trunks(Collector):
    def __init__(self, count: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """One counter by trunk and what a call through it came to."""
        labels = ["trunk", "outcome"]
        counter = CounterMetricFamily("onhook_trunk_calls", "Calls that left.", labels=labels)
        for key, value in self._count().items():
            counter.add_metric(key, value)
        yield counter


_TRUNK_FIGURES = {
    "up": "1 if a trunk is there, and we are registered where it wants that.",
    "registered_until_seconds": "Until when a registration was granted, as Unix time.",
    "last_answer_seconds": "When a trunk answered something last, as Unix time.",
    "round_trip_seconds": "How long the last answer of a trunk took.",
    "failures": "Registrations, or other requests to which a trunk was not there, that failed in a row.",
}


class _TrunkHealth(Collector):
    def __init__(self, look: Callable[[], Mapping[str, Mapping[str, float]]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """One gauge a figure, by trunk; what is not known of a trunk is left out."""
        found = self._look()
        for figure, meaning in _TRUNK_FIGURES.items():
            gauge = GaugeMetricFamily(f"onhook_trunk_{figure}", meaning, labels=["trunk"])
            for trunk, figures in found.items():
                if figure in figures:
                    gauge.add_metric([trunk], figures[figure])
            yield gauge


class _Media(Collector):
    def __init__(self, look: Callable[[], Mapping[str, float]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """What the media thread says of itself."""
        for name, value in self._look().items():
            yield GaugeMetricFamily(f"onhook_media_{name}", "Of the media plane.", value=value)
