"""Processes that speak: how they are kept (`pool`) and asked (`process`), how they answer (`loop`).

Programs are `espeak` (under the GPL, started by its path, imported by nobody), `pico`, `japanese`, `kokoro`
and `plugin`, each started with `python -m`. They know nothing of the engines that ask them.
"""
