"""Whether calls to a number can be told to where it forwards them; a server decides the same way."""

from collections.abc import Sequence

from onhook.notify.addresses import AddressPolicy
from onhook.notify.errors import AddressRefused, NotResolved
from onhook.notify.resolver import AddressResolver
from onhook.server.settings import Network
from onhook.urls import parse


async def warning(number: str, forward_to: str, allowed: Sequence[Network]) -> str | None:
    """A sentence for whoever gives a number such a URL; None if it may be called.

    ``allowed`` are the networks that this command knows of. The server may know others.
    """
    resolver = AddressResolver(AddressPolicy(allowed))
    try:
        await resolver.resolve(parse(forward_to))
    except AddressRefused as error:
        return (
            f"{forward_to} may not be called: {error.detail}. Calls to {number} are rejected at once, "
            "unless the server runs with --allowed-networks for it."
        )
    except NotResolved as error:
        return f"{forward_to} cannot be called now: {error.detail}. Calls to {number} ring in vain."
    finally:
        resolver.close()
    return None
