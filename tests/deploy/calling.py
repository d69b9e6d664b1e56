"""A call as a person has it, to a server of which only its command and its addresses are known."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from onhook.testing.api_client import ApiClient
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification, Receiver
from onhook.testing.tones import speech_like

NUMBER = "+6531234567"
MESSAGE = "We are closed today. Please call again tomorrow. Good bye."


@dataclass
class Called:
    """A call that is answered, and the application that it is of."""

    call: PhoneCall
    api: ApiClient
    receiver: Receiver
    session: str

    async def hang_up(self) -> Notification:
        """With a message that is heard; what the application is told at the end."""
        told_at = self.receiver.url("/hangup")
        asked = {"session": self.session, "msg": MESSAGE, "notify_url": told_at}
        async with self.api as api:
            reply = await api.post("ivr/end/hangup", **asked)
        assert reply["status"] == "success_ok", reply
        await self.call.answered()
        await self.call.ended(timeout_s=60)
        assert speech_like(self.call.recording.pcm()).voiced_s > 1.5
        return await self.receiver.next(to=NUMBER, call_state="ended")


def an_application(onhook: Callable[..., str], receiver: Receiver) -> dict[str, str]:
    """A new application with a number; what `app create` said."""
    made: dict[str, str] = json.loads(onhook("app", "create", "shop", "--json"))
    url = receiver.url("/answer")
    onhook("number", "add", NUMBER, "--app", made["app_id"], "--forward-to", url)
    return made


async def call(
    phone: Phone, sip: tuple[str, int], url: str, made: dict[str, str], receiver: Receiver
) -> Called:
    """The number is called, and its application is told."""
    begun = await phone.call(NUMBER, server=sip)
    told = await receiver.next(to=NUMBER, call_state="ringing")
    api = ApiClient(url, made["app_id"], made["access_token"])
    return Called(begun, api, receiver, told["session"])
