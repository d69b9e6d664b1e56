"""Part 5: from the start of the process to the line that says it is ready."""

import signal
import statistics

from bench.figures import Figures, Row, number
from bench.rig import Server, data_directory, end


def starts(count: int) -> Figures:
    """`count` starts on one data directory, after one that fills the file cache."""
    took_s: list[float] = []
    with data_directory() as data:
        for _ in range(count + 1):
            server = Server(data)
            end(server.process, signal.SIGKILL)  # nothing goes on that would have to end
            took_s.append(round(server.started_s, 3))
    first_s, *took_s = took_s
    return {
        "starts": count,
        "with_a_new_directory_s": first_s,
        "median_s": statistics.median(took_s),
        "min_s": min(took_s),
        "max_s": max(took_s),
    }


def rows(figures: Figures) -> list[Row]:
    """The figures of part 5 for a person."""
    values = " / ".join(number(figures[name]) for name in ("median_s", "min_s", "max_s"))
    return [("start to ready, median / min / max", f"{values} s")]
