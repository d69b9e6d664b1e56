"""Kokoro's voices, there or not for a while, whether or not they are installed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from onhook.speech.engines import kokoro, kokoro_install


@contextmanager
def kokoro_for_now() -> Iterator[None]:
    """Have Kokoro's voices installed; they go afterwards if they were not there: tests are without them."""
    if kokoro.installed():
        yield
        return
    try:
        kokoro_install.install()
        yield
    finally:
        shutil.rmtree(kokoro.VECTORS, ignore_errors=True)


@contextmanager
def kokoro_aside() -> Iterator[None]:
    """Have everything as it is where Kokoro's voices were never installed."""
    if not kokoro.VECTORS.exists():
        yield
        return
    aside = kokoro.VECTORS.with_name("kokoro-aside")
    kokoro.VECTORS.rename(aside)
    try:
        yield
    finally:
        aside.rename(kokoro.VECTORS)
