"""The vocabulary in which an endpoint beside the blocks is declared: what it takes and what it replies."""

from dataclasses import dataclass, field

from onhook.blocks import statuses
from onhook.blocks.declaration import Field
from onhook.blocks.params import Param, pasted


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A request that is answered at once and concerns an account, its calls or its numbers.

    It shares parameters, statuses and their order of evaluation with the blocks; unlike those it
    sends no notification, and its reply carries more than a status.
    """

    path: str
    """Path under ``/open/``."""
    summary: str
    doc: str
    params: tuple[Param, ...]
    own_statuses: tuple[str, ...] = ()
    """What can be wrong beside what every endpoint checks first, in order of evaluation."""
    fields: tuple[Field, ...] = ()
    """The reply to a request that was accepted, beside ``status``; all of them are texts."""
    entry: tuple[Field, ...] = ()
    """Where there are any: the fields of each element of the list ``entries`` in the reply."""
    beyond: tuple[Field, ...] = ()
    """What a reply, or an element of ``entries``, may carry besides, which the original's never did."""
    notes: tuple[str, ...] = ()
    pasted: frozenset[str] = field(init=False, repr=False, compare=False)
    """The parameters whose values are copied or read from a file."""

    def __post_init__(self) -> None:
        """Works out what every request would ask for."""
        object.__setattr__(self, "pasted", pasted(self.params))

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Of the reply itself."""
        return self.fields if self.entry else (*self.fields, *self.beyond)

    @property
    def all_entry(self) -> tuple[Field, ...]:
        """Of each element of ``entries``, where there are any."""
        return (*self.entry, *self.beyond) if self.entry else ()

    @property
    def slug(self) -> str:
        """Its name for metrics and documents: ``user_get_balance``."""
        return self.path.replace("/", "_")

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of the endpoint, in the order of evaluation, each once."""
        return (*statuses.FIRST, *self.own_statuses, *statuses.LAST)
