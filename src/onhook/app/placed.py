"""Calls of ours that no function steers: people who are called and joined, and what is told in the end."""

from collections.abc import Mapping
from typing import Literal

from onhook.app.inbox import Inbox, Told
from onhook.client import AsyncClient, Refused, SessionEnded
from onhook.client.notifications import ConferenceNotification


class Placed:
    """One of them, by its reference."""

    def __init__(self, client: AsyncClient, txn_ref: str, inbox: Inbox) -> None:
        self._client = client
        self._inbox = inbox
        self.txn_ref = txn_ref

    async def over(self, kind: type[Told]) -> Told:
        """Waits for its only notification, which is of this kind."""
        told = await self._inbox.told(self._inbox.expects_the_end())
        if not isinstance(told, kind):
            raise TypeError(f"of {self.txn_ref} was told a {type(told).__name__}")
        return told

    async def leave(self) -> None:
        """Nobody waits for it any more: hangs up, if it goes on. Raises OnhookError."""
        if self._inbox.end is not None:
            return
        try:
            await self._client.voice_hangup(self.txn_ref)
        except SessionEnded:
            return
        except Refused as refused:
            if refused.status != "error_hangup_already_in_progress":
                raise


class Conference:
    """Numbers that are called into a room, each by a call of its own."""

    def __init__(self, client: AsyncClient, room: str, members: Mapping[str, Placed]) -> None:
        self._client = client
        self._members = members
        self.room = room
        """Its name: `await call.transfer(f"room:{conference.room}")` brings a caller into it."""

    @property
    def txn_refs(self) -> dict[str, str]:
        """The reference of each call, by its number as it was given."""
        return {number: member.txn_ref for number, member in self._members.items()}

    async def moderate(self, number: str, action: Literal["kick", "mute", "unmute"]) -> None:
        """Puts one of them out of the room that it is in, or mutes it. KeyError for another number."""
        await self._client.conference_moderate(self._members[number].txn_ref, action)

    async def over(self) -> list[ConferenceNotification]:
        """Waits until each has hung up or was not reached; what was told of them, in the order of the
        numbers: `dial_status`, and the bill."""
        return [await member.over(ConferenceNotification) for member in self._members.values()]
