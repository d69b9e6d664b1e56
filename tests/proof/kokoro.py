"""Kokoro's voices, there or not for a while, whether or not they are installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onhook.speech.engines import kokoro, kokoro_install


@contextmanager
def kokoro_for_now(vectors: Path = kokoro.VECTORS) -> Iterator[None]:
    """Have Kokoro's voices installed; they go afterwards if they were not there: tests are without them."""
    _put_back(vectors)
    if kokoro.installed(vectors):
        yield
        return
    try:
        kokoro_install.install(target=vectors)
        yield
    finally:
        shutil.rmtree(vectors, ignore_errors=True)


@contextmanager
def kokoro_aside(vectors: Path = kokoro.VECTORS) -> Iterator[None]:
    """Have everything as it is where Kokoro's voices were never installed."""
    _put_back(vectors)
    if not vectors.exists():
        yield
        return
    vectors.rename(_aside(vectors))
    try:
        yield
    finally:
        _put_back(vectors)


def _put_back(vectors: Path) -> None:
    """Where voices are aside, by this process or by one that was killed, and none were installed since, they
    are the installed ones again."""
    aside = _aside(vectors)
    if not aside.exists():
        return
    if vectors.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(vectors)


def _aside(vectors: Path) -> Path:
    return vectors.with_name("kokoro-aside")
