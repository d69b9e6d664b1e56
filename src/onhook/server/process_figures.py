"""What each process of the server costs, for ``/metrics``: as the kernel counts it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from onhook.processes.membership import Running

_TICKS_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_UTIME = 11  # of /proc/PID/stat, behind the name (proc(5): fields 14 and 15)


class ProcessFigures(Collector):
    """By role, for all processes that have it together; ``look`` says which there are."""

    def __init__(self, look: Callable[[], Sequence[Running]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """How many there are, how often they were started again, their CPU time and memory."""
        labels = ["role"]
        count = GaugeMetricFamily("onhook_processes", "Processes that run.", labels=labels)
        restarts = CounterMetricFamily(
            "onhook_process_restarts", "Processes that died and were started again.", labels=labels
        )
        cpu = GaugeMetricFamily(
            "onhook_process_cpu_seconds", "CPU time of those that run now.", labels=labels
        )
        memory = GaugeMetricFamily(
            "onhook_process_resident_bytes",
            "Memory that they have, shared pages included.",
            labels=labels,
        )
        by_role: dict[str, list[Running]] = {}
        for each in self._look():
            by_role.setdefault(each.role, []).append(each)
        for role, running in by_role.items():
            count.add_metric([role], len(running))
            restarts.add_metric([role], sum(each.restarts for each in running))
            cpu.add_metric([role], sum(_cpu_s(running)))
            memory.add_metric([role], sum(_resident_bytes(running)))
        yield from (count, restarts, cpu, memory)


def _cpu_s(running: Iterable[Running]) -> Iterator[float]:
    for text in _read(running, "stat"):
        used = text.rpartition(")")[2].split()[_UTIME : _UTIME + 2]
        yield sum(map(int, used)) / _TICKS_S


def _resident_bytes(running: Iterable[Running]) -> Iterator[int]:
    for text in _read(running, "statm"):
        yield int(text.split()[1]) * _PAGE_BYTES


def _read(running: Iterable[Running], name: str) -> Iterator[str]:
    """What the kernel tells of those that are still there."""
    for each in running:
        try:
            yield Path(f"/proc/{each.pid}/{name}").read_text(errors="replace")
        except OSError:
            continue
