"""Every effect of the state machine has somebody who performs it."""

import pytest

from onhook.calls.performer import EFFECTS, PERFORM
from onhook.registry import complete


@pytest.mark.parametrize("kind", list(PERFORM))
def test_an_effect_that_nobody_performs_is_refused(kind: type) -> None:
    others = {other: perform for other, perform in PERFORM.items() if other is not kind}
    with pytest.raises(TypeError, match=kind.__name__):
        complete("performer", EFFECTS, others)
