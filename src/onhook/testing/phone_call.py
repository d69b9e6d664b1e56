"""A call that the test phone placed; what it can do once it is answered is in `CallLeg`."""

from onhook.testing.audio import Audio
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import CallLog, Ended
from onhook.testing.placed import PlacedDialog
from onhook.testing.seen_call import WAIT_S, CallNotAnswered, PhoneError, PhoneTimeout
from onhook.testing.sip_text import SipMessage

__all__ = ["WAIT_S", "CallNotAnswered", "PhoneCall", "PhoneError", "PhoneTimeout"]


class PhoneCall(CallLeg):
    """A call that `Phone.call` placed."""

    _dialog: PlacedDialog

    def __init__(self, dialog: PlacedDialog, audio: Audio, log: CallLog, call_id: str) -> None:
        super().__init__(dialog, audio, log, call_id)

    async def ringing(self, timeout_s: float = WAIT_S) -> SipMessage:
        """Wait for the first 180 or 183 and return it.

        Raises CallNotAnswered if the call ended first, PhoneError if it was answered without
        ringing, PhoneTimeout.
        """
        rang = await self._wait(self._dialog.ringing, "ringing", timeout_s)
        if rang is not None:
            return rang
        self._raise_if_over()
        raise PhoneError(f"the call was answered without ringing\n{self.log.ladder()}")

    async def answered(self, timeout_s: float = WAIT_S) -> SipMessage:
        """Wait for the 200 and return it. Raises CallNotAnswered if the call ended, PhoneTimeout.

        With `ack_delay_s`, this returns at the 200, not at the ACK.
        """
        answer = await self._wait(self._dialog.answered, "an answer", timeout_s)
        if answer is not None:
            return answer
        self._raise_if_over()
        raise PhoneError("the call was never answered")  # cannot be: one of the two is known

    async def cancel(self, *, timeout_s: float = WAIT_S) -> Ended:
        """Send CANCEL and wait for the end of the call.

        A CANCEL may only follow a first response (RFC 3261 9.1), so this waits for one. If the
        server answers the call in the same moment, the phone acknowledges that and hangs up, and
        the call ends as `BYE_SENT`. Raises PhoneError if the call is answered already,
        PhoneTimeout.
        """
        await self._wait(self._dialog.proceeding, "a first response", timeout_s)
        if self._dialog.over.done():
            return self._dialog.over.result()
        if self._dialog.answered.done():
            raise PhoneError("the call is answered: hang up")
        self._dialog.cancel()
        return await self.ended(timeout_s)

    async def leave(self) -> Ended:
        """End the call in the way that fits: BYE once it is answered, CANCEL before."""
        return await (self.hang_up() if self.is_up() else self.cancel())

    def acknowledge(self) -> None:
        """Send the ACK of a call that was placed with `ack=False`. Raises PhoneError before the answer."""
        self._need_answer("send ACK")
        self._dialog.acknowledge()

    def repeat_invite(self) -> None:
        """Send the INVITE once more, byte for byte, as if the network had doubled it."""
        self._dialog.send_invite()
