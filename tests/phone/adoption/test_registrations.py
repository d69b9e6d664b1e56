"""Registrations go on: the next process has the same Contact, so the registrar has one."""

from onhook.phone import Trunk
from onhook.phone.registration.machine import RegistrationState
from onhook.phone.registration.registrar import Answer, TrunkRegistration
from phone.adoption.succession import Succession, succession
from phone.peer import Message


class Listener:
    def __init__(self) -> None:
        self.names: list[str] = []

    def registered(self, answer: Answer) -> None:
        self.names.append("registered")

    def not_registered(self, answer: Answer) -> None:
        self.names.append("failed")

    def gone(self) -> None:
        self.names.append("gone")


def registration(on: Succession, listener: Listener) -> TrunkRegistration:
    host, port = on.peer.address
    return TrunkRegistration(
        Trunk(host, port, username="user", password="secret", register=True, keepalive_s=0),
        "o1",
        on.endpoint,
        listener,
        clock=on.clock,
        now=on.clock.time,
        chance=lambda: 0.5,
    )


def grant(on: Succession, request: Message) -> None:
    contact = request["Contact"].partition(">")[0]
    on.peer.answer(request, headers=(f"Contact: {contact}>;expires=600",))


async def test_a_registration_under_way_is_made_once_more_and_is_the_same() -> None:
    async with succession() as on:
        before = Listener()
        first = registration(on, before)
        first.start()
        asked = await on.peer.request("REGISTER")
        first.abandon()  # its process dies, with its answer still to come
        await on.die()
        await on.stand()
        await on.endpoint.serve()
        listener = Listener()
        second = registration(on, listener)
        second.start()
        again = await on.peer.request("REGISTER")
        assert again["Contact"] == asked["Contact"]
        assert (again["Call-ID"], again["Via"]) != (asked["Call-ID"], asked["Via"])
        grant(on, asked)  # that of the dead process, which means nothing any more
        await on.peer.quiet()
        assert second.state is RegistrationState.ASKING
        grant(on, again)
        await on.peer.quiet()
        assert (second.state, listener.names) == (RegistrationState.REGISTERED, ["registered"])
        second.abandon()
