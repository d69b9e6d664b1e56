"""One OPTIONS through each trunk."""

from collections.abc import AsyncIterator

from onhook.administration.trunk_probe import probe
from onhook.cli.doctor.finding import Finding, Installation
from onhook.cli.errors import CommandError

PATIENCE_S = 5.0
"""For the answer of each of its addresses."""


async def options(here: Installation) -> AsyncIterator[Finding]:
    """Each that is asked, in turn."""
    for one in here.trunks:
        name = f"trunk {one.record.name}"
        if one.record.name not in here.asks:
            continue
        if one.usable is None:
            yield Finding(name, False, f"it cannot be used: {one.trouble}")
            continue
        try:
            answer = await probe(one.usable, PATIENCE_S)
        except CommandError as error:
            yield Finding(name, False, str(error))
        else:
            yield Finding(name, answer.ok, answer.detail)
