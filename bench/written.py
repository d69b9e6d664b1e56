"""The table as text, for a terminal and for the documents. Pure."""

from collections.abc import Sequence

from bench.figures import Spread, number
from bench.rows import ROWS, Cell, Row, Run, cell

BUSY_MARK = "busy"
_HEAD = ("what", "Onhook", "before", "Asterisk", "ratio", "at least", "and then")
_MET = {True: "yes", False: "no", None: ""}


def lines(runs: Sequence[Run], before: Sequence[Run]) -> list[tuple[str, ...]]:
    """The cells of each row that was measured, below their heads: medians with the least and the most of the
    rounds; what an earlier run came to; the peer; and whether the median is what was promised."""
    found: list[tuple[str, ...]] = [_HEAD]
    for row in ROWS:
        ours, peer = cell(row, "onhook", runs), cell(row, "asterisk", runs)
        if ours is None and peer is None:
            continue
        found.append(
            (
                f"{row.title}, {row.unit}" if row.unit else row.title,
                spread(ours),
                _median(cell(row, "onhook", before)),
                spread(peer),
                _ratio(ours, peer),
                _promise(row, ours, row.at_least),
                _promise(row, ours, row.and_then),
            )
        )
    return found


def spread(of: Cell | None) -> str:
    """`median (least to most)`, and whether the machine was busy with other work."""
    if of is None:
        return "–"
    told = figure(of.spread.median)
    if of.spread.rounds > 1:
        told += f" ({figure(of.spread.least)} to {figure(of.spread.most)})"
    return f"{told} {BUSY_MARK}" if of.busy else told


def figure(value: float) -> str:
    """With as many digits as say something."""
    if value == int(value):
        return f"{int(value):,}"
    return number(float(value))


def _median(of: Cell | None) -> str:
    return "–" if of is None else figure(of.spread.median)


def _ratio(ours: Cell | None, peer: Cell | None) -> str:
    if ours is None or peer is None or not peer.spread.median:
        return "–"
    return f"{ours.spread.median / peer.spread.median:.2f}"


def _promise(row: Row, ours: Cell | None, promised: float | None) -> str:
    if promised is None:
        return "–"
    met = "" if ours is None else _MET[row.met(_of(ours.spread), promised)]
    return f"{figure(promised)}: {met}" if met else figure(promised)


def _of(found: Spread) -> float:
    return found.median


def as_text(table: Sequence[Sequence[str]]) -> str:
    """In columns."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(f"{one:<{width}}" for one, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """As a table of Markdown."""
    head, *rest = [f"| {' | '.join(line)} |" for line in table]
    return "\n".join([head, "|" + "---|" * len(table[0]), *rest])
