"""The voices that are always there: how long callers wait in each language, what strangers' texts do to them.

    PYTHONPATH=tests:. .venv/bin/python -m bench.voices [--calls 20] [--messages 10000]
        [--parts languages crowd hostile pico] [--page]

`languages`: a ringing call is hung up with a sentence that nobody has said before, then with the same once
more; from the moment before the request is written to the first RTP packet, in every language, by its
woman. `crowd`: 20 such requests at once, each with a text of its own, in as many languages. `hostile`: 300
texts (unbroken, tags, NUL, other scripts; 1,000 characters each) are asked for in the languages of Pico and
in others; how long the longest took, and which statuses came. `pico`: its worker's memory after 100 messages
and after `--messages`.

Whoever installed Kokoro measures that instead: do not. Figures are printed, and written to
bench/out/voices.json; all parts with `--page` also to docs/voices-timed.md.
"""

import argparse
import datetime
import itertools
import logging
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import structlog
from bench.called import PROBE
from bench.caller import Caller, Script
from bench.figures import Figures, Row, number, pair, save, table
from bench.latency import Samples
from bench.machine import busy_now
from bench.rig import OUT, Rig, raise_file_limit, rig
from bench.speech import first_packet, grown
from bench.voices_page import page

from onhook.blocks.declaration import MESSAGE_MAX
from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.engines.pico import LANGUAGES as BY_PICO
from onhook.speech.installed import installed_voices
from onhook.speech.utterance import Utterance
from proof.sentences import lines

_CROWD = 20
_PATIENCE_S = 60.0
_HOSTILE = 300
_AT_ONCE = 8
_LONG = 1000
PAGE = Path(__file__).parents[1] / "docs" / "voices-timed.md"
TAGS = ("en", *(language.tag for language in LANGUAGES))


class Sentences:
    """Sentences of a language, each with a number of its own, so that none comes twice."""

    def __init__(self) -> None:
        self._numbers = itertools.count(random.randrange(1_000_000, 9_000_000))

    def msg(self, tag: str) -> str:
        """The next one, as a message."""
        apology, _ = lines(tag)[0]
        return f'<speech language="{tag}">{apology} {next(self._numbers)}</speech>'


def languages(calls: int) -> tuple[Figures, list[Row]]:
    """One call after another."""
    samples, sentences = Samples(), Sentences()
    with rig() as running, Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        for tag in TAGS:
            warm = first_packet(caller, Samples(), "warm", sentences.msg(tag))
            caller.perform([warm], patience_s=_PATIENCE_S)
            for msg in [sentences.msg(tag) for _ in range(calls)]:
                for state in ("new", "cached"):
                    script = first_packet(caller, samples, f"{tag}, {state}", msg)
                    caller.perform([script], patience_s=_PATIENCE_S)
        failures = sorted(set(caller.failures))
    figures = samples.figures()
    rows = [(f"{name}, p50 / p99", pair(figures, name)) for name in samples.times]
    return {**figures, "failures": failures}, [*rows, ("failed", str(len(failures)))]


def crowd(rounds: int) -> tuple[Figures, list[Row]]:
    """Requests that come together, each in a language and with a text of its own."""
    samples, sentences = Samples(), Sentences()
    with rig() as running, Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        name = f"{_CROWD} different messages at once"
        for turn in range(rounds + 1):  # the first one starts engines
            due_s = time.monotonic() + 1.5
            kept = samples if turn else Samples()
            scripts = [
                first_packet(caller, kept, name, sentences.msg(tag), _passed(due_s))
                for tag in itertools.islice(itertools.cycle(TAGS), _CROWD)
            ]
            caller.perform(scripts, at_once=_CROWD, patience_s=_PATIENCE_S)
        failures = sorted(set(caller.failures))
    figures = samples.figures()
    rows = [(f"{name}, p50 / p99", pair(figures, name)), ("failed", str(len(failures)))]
    return {**figures, "failures": failures}, rows


def _passed(due_s: float) -> Callable[[], bool]:
    return lambda: time.monotonic() >= due_s


def hostile_texts(count: int) -> Iterator[tuple[str, str]]:
    """Texts of 1,000 characters that no engine was made for, each with a name of its kind."""
    chance = random.Random(19)
    kinds: dict[str, Callable[[], str]] = {
        "unbroken": lambda: chance.choice("aäxéñ0") * _LONG,
        "random letters": lambda: "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=_LONG)),
        "digits": lambda: "".join(chance.choices("0123456789", k=_LONG)),
        "tags": lambda: "<speed level='1'><pitch level='9'><play file='/etc/passwd'/>" * 16,
        "marks": lambda: "".join(chance.choices("!?.,;:-'\"()[]{}%&*#@/\\|~^", k=_LONG)),
        "NUL and controls": lambda: "Guten Tag\0\1\2\x1b " * 70,
        "Han": lambda: "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(_LONG)),
        "Arabic": lambda: "".join(chr(chance.randrange(0x621, 0x64A)) for _ in range(_LONG)),
        "emoji": lambda: "".join(chr(chance.randrange(0x1F600, 0x1F64F)) for _ in range(_LONG)),
        "any character": lambda: "".join(chr(chance.randrange(0x20, 0xD7FF)) for _ in range(_LONG)),
        "stacked accents": lambda: "e" + "\u0301" * (_LONG - 1),
        "joiners": lambda: "a\u200d" * (_LONG // 2),
        "turned round": lambda: "\u202eabc " * (_LONG // 5),
    }
    for kind, make in itertools.islice(itertools.cycle(kinds.items()), count):
        yield kind, make()[:_LONG]


def hostile(count: int) -> tuple[Figures, list[Row]]:
    """Each is answered, and the server goes on."""
    tags = itertools.cycle([*(spoken.tag for spoken in BY_PICO), "nl", "zh-CN", "en"])
    took: list[tuple[float, str]] = []
    statuses: dict[str, Counter[str]] = {}
    with rig() as running, Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        scripts = [
            _asked(caller, kind, next(tags), text, took, statuses)
            for kind, text in hostile_texts(count)
        ]
        caller.perform(scripts, at_once=_AT_ONCE, patience_s=_PATIENCE_S)
        samples = Samples()
        caller.perform(
            [first_packet(caller, samples, "then", Sentences().msg("de"))], patience_s=_PATIENCE_S
        )
        deadline_s = _deadline_s(running)
    longest_s, of = max(took)
    rows = [(kind, ", ".join(f"{n} {s}" for s, n in c.items())) for kind, c in statuses.items()]
    rows += [
        ("answered", f"{len(took)} of {count}"),
        ("longest", f"{longest_s:.1f} s ({of}); the deadline is {deadline_s:g} s"),
        ("a call afterwards, ms", number(samples.times["then"][0]) if samples.times else "none"),
    ]
    answers = {f"{kind}: {status}": n for kind, c in statuses.items() for status, n in c.items()}
    asked = {
        "asked": count,
        "answered": len(took),
        "longest_s": longest_s,
        "deadline_s": deadline_s,
    }
    return {**asked, **answers}, rows


def _deadline_s(_: Rig) -> float:
    from onhook.server.settings import Settings

    return float(Settings.model_fields["prepare_s"].default)


def _message(tag: str, text: str) -> str:
    """`text` as far as a message may be long."""
    while True:
        msg = f'<speech language="{tag}">{escape(text)}</speech>'
        if len(msg) <= MESSAGE_MAX:
            return msg
        text = text[: len(text) - max(1, (len(msg) - MESSAGE_MAX) // 5)]


def _asked(
    caller: Caller,
    kind: str,
    tag: str,
    text: str,
    took: list[tuple[float, str]],
    statuses: dict[str, Counter[str]],
) -> Script:
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    msg = _message(tag, text)
    request = caller.request("ivr/end/hangup", session=call.session, msg=msg, notify_url=caller.url)
    yield lambda: bool(request.status)
    took.append(((request.replied_ns - request.sent_ns) / 1e9, f"{kind}, {tag}"))
    statuses.setdefault(kind, Counter())[request.status] += 1
    caller.request("ivr/end/hangup", session=call.session, force="enabled", notify_url=caller.url)
    yield lambda: "ended" in call.times_ns


def pico(messages: int) -> tuple[Figures, list[Row]]:
    """What its workers need after few messages and after many."""
    sentences = itertools.count()
    with installed_voices() as catalogue:
        voices = itertools.cycle(
            [catalogue.find(spoken.tag, gender)
             for spoken in BY_PICO for gender in ("female", "male")]
        )  # fmt: skip

        def one() -> None:
            voice = next(voices)
            Utterance(voice, f"{lines(voice.language)[0][0]} {next(sentences)}").whole()

        found = grown(one, messages)
    change = f"{number(found['workers_before_mb'])} -> {number(found['workers_after_mb'])} MB"
    own = f"{number(found['own_before_mb'])} -> {number(found['own_after_mb'])} MB"
    name = f"Pico: {messages} messages, {number(found['message_ms'])} ms each"
    return dict(found), [(name, f"workers {change}, this process {own}")]


def main(arguments: Sequence[str] | None = None) -> int:
    parts: dict[str, tuple[str, Callable[[argparse.Namespace], tuple[Figures, list[Row]]]]] = {
        "languages": ("Request to first packet, ms", lambda options: languages(options.calls)),
        "crowd": ("Many together, ms", lambda options: crowd(5)),
        "hostile": ("Hostile texts", lambda options: hostile(_HOSTILE)),
        "pico": ("Memory of Pico's workers", lambda options: pico(options.messages)),
    }
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20, help="for each language")
    parser.add_argument("--messages", type=int, default=10_000, help="for Pico's workers")
    parser.add_argument("--parts", nargs="*", choices=list(parts), default=list(parts))
    parser.add_argument("--page", action="store_true", help="write docs/voices-timed.md")
    options = parser.parse_args(arguments)
    if options.page and list(parts) != options.parts:
        parser.error("--page needs all parts")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    raise_file_limit()
    began_s, loads = time.monotonic(), [os.getloadavg()[0]]
    result: dict[str, Figures] = {}
    busy = busy_now()
    for part in options.parts:
        title, measure = parts[part]
        figures, rows = measure(options)
        result[part] = figures
        print(table(title, rows), flush=True)
        loads.append(os.getloadavg()[0])
    save(OUT / "voices.json", {"busy_before": busy, "load": loads, **result})
    if options.page:
        about = (
            f"One run of {(time.monotonic() - began_s) / 60:.0f} minutes on {os.cpu_count()} cores, which "
            f"the measuring shared, on {datetime.date.today().isoformat()}; load average {min(loads):.1f} to "
            f"{max(loads):.1f}. A sentence was asked for {options.calls} times in each language."
        )
        PAGE.write_text(page(result, TAGS, about), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
