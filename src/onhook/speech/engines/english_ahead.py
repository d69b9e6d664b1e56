"""What the English voice would do again at each load, done once: its tables in a file, its model optimised.

    python -P -m onhook.speech.engines.english_ahead DIRECTORY

writes two files into the directory, unless they are there. With them the voice is loaded in a tenth of the
time, and its dictionary takes a tenth of the memory. They are only good for the versions, and the processor,
that they were made with, and are called after both; those of others are deleted.
"""

import gzip
import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from onhook.speech.engines import tables

_RECIPE: Final = 1  # raise it when the files get to hold something else
_NICEST: Final = 19
_TABLES: Final = ".tables"
_MODEL: Final = ".ort"


class Words:
    """What words sound like, as `hibari` asks for it: phonemes, or some for each part of speech."""

    def __init__(self, table: tables.Table) -> None:
        self._table = table

    def get(self, word: str) -> str | dict[str, str | None] | None:
        """What `word` sounds like."""
        found = self._table.get(word)
        if found is None or not found.startswith(b"{"):
            return None if found is None else found.decode()
        by_part: dict[str, str | None] = json.loads(found)
        return by_part


class Numbers:
    """Weights of a feature, by tag."""

    def __init__(self, table: tables.Table) -> None:
        self._table = table

    def get(self, feature: str) -> dict[str, float] | None:
        """Those of `feature`."""
        found = self._table.get(feature)
        return None if found is None else json.loads(found)


class Names:
    """A word for each of some words."""

    def __init__(self, table: tables.Table) -> None:
        self._table = table

    def get(self, word: str) -> str | None:
        """That of `word`."""
        found = self._table.get(word)
        return None if found is None else found.decode()


def model_file(directory: Path) -> Path:
    """Where the optimised model is, or would be."""
    return directory / f"english-{_made_with()}{_MODEL}"


def tables_file(directory: Path) -> Path:
    """Where the tables are, or would be."""
    return directory / f"english-{_made_with()}{_TABLES}"


def is_there(directory: Path) -> bool:
    """Whether both were made."""
    return model_file(directory).is_file() and tables_file(directory).is_file()


def forget(directory: Path) -> None:
    """Have both made anew, by who makes them."""
    for path in (model_file(directory), tables_file(directory)):
        path.unlink(missing_ok=True)


def reader(directory: Path) -> Any:
    """What reads English (a `hibari.g2p.G2P`) by the tables. Raises `OSError`, `ValueError`, `KeyError`."""
    from hibari.g2p import G2P, Lexicon, Tagger, Tokenizer

    found = tables.read(tables_file(directory))
    rest = json.loads(found["rest"].get("rest") or b"")
    made = G2P.__new__(G2P)  # its own way to be made reads everything into memory
    made.lexicon = Lexicon(Words(found["gold"]), Words(found["silver"]))
    made.tokenizer = Tokenizer(_asset("tokenizer_exceptions.json"))
    made.tagger = Tagger({"tags": rest["tags"], "tagdict": Names(found["tags"]), "weights": None})
    made.tagger.weights = Numbers(found["weights"])
    made.tagger.vocab = found["known"] if rest["knows"] else None
    made._oov, made.unk, made.british = None, "", False
    return made


def make(directory: Path) -> None:
    """Write both files. Raises `OSError`, and whatever the packages raise that changed too much."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(tables_file(directory), _tables())
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        made = Path(scratch) / f"model{_MODEL}"
        _optimise(made)
        _write(model_file(directory), made.read_bytes())
    current = {model_file(directory), tables_file(directory)}
    for path in directory.glob("english-*"):
        if path not in current:
            path.unlink(missing_ok=True)


def _tables() -> bytes:
    tagger = _asset("tagger.json.gz")
    vocabulary = tagger.get("vocab")
    rest = {"tags": tagger["tags"], "knows": vocabulary is not None}
    return tables.written(
        {
            "gold": _words(_asset("lexicon_us_gold.json.gz")),
            "silver": _words(_asset("lexicon_us_silver.json.gz")),
            "tags": {word: tag.encode() for word, tag in tagger["tagdict"].items()},
            "known": dict.fromkeys(vocabulary or (), b""),
            "weights": {name: _json(weights) for name, weights in tagger["weights"].items()},
            "rest": {"rest": _json(rest)},
        }
    )


def _words(lexicon: Mapping[str, Any]) -> dict[str, bytes]:
    return {
        word: sound.encode() if isinstance(sound, str) else _json(sound)
        for word, sound in lexicon.items()
        if sound is not None
    }


def _optimise(to: Path) -> None:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.optimized_model_filepath = str(to)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(
        str(_assets() / "hibari.onnx"), options, providers=["CPUExecutionProvider"]
    )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _asset(name: str) -> Any:
    content = (_assets() / name).read_bytes()
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)


def _assets() -> Path:
    package = find_spec("hibari")
    if package is None or package.origin is None:
        raise FileNotFoundError("hibari")
    return Path(package.origin).with_name("assets")


@lru_cache(maxsize=1)
def _made_with() -> str:
    """Changes with whatever makes the files others, or unusable."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    processor = sorted({line for line in lines if line.startswith(("flags", "Features"))})
    given = (_RECIPE, version("hibari-tts"), version("onnxruntime"), platform.machine(), processor)
    return hashlib.sha256(repr(given).encode()).hexdigest()[:16]


def _write(path: Path, content: bytes) -> None:
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".english-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def main() -> None:
    """Make them, without getting in anybody's way."""
    os.nice(_NICEST)
    directory = Path(sys.argv[1])
    if not is_there(directory):
        make(directory)


if __name__ == "__main__":
    main()
