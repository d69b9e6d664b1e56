"""The client: a method for each request of the API."""
# Written by scripts/client_modules.py from the declarations in onhook.blocks; run it again after a
# change there.

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from onhook.client.asking import SyncAsking
from onhook.client.replies import (
    ConferenceCallReply,
    DialReply,
    NumberGetActiveReply,
    TransferReply,
    UserGetBalanceReply,
    UserGetInfoReply,
    VoiceCallReply,
    VoiceConferenceReply,
    VoiceGetHistoryReply,
    VoiceGetRateReply,
    VoiceQueryStatusReply,
)


class Client(SyncAsking):
    """The client; SyncAsking says how it is made and closed."""

    def dial(
        self,
        dest: str,
        *,
        msg: str | None = None,
        caller_id: str | None = None,
        max_duration: int | None = None,
        ring_time: int | None = None,
        tag: str | None = None,
        notify_url: str | None = None,
        media: bool = False,
        sip_headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> DialReply:
        """Call a number.

        Places a call to dest; the reply carries its session at once. When the callee answers, msg
        is played to its last sample, then notify_url is told and the next block can be requested.
        If the callee does not answer, notify_url is told that the call has ended, and why.

        Args:
            dest: The number to call, in E.164.
            msg: What to play once the callee has answered: text, <speech> and <url>. (at most
                1000 characters)
            caller_id: The number that the callee is shown: one of the account's own numbers,
                its registered number, or `private` for none. Without it the registered number,
                else the trunk's.
            max_duration: How long the call may last from its answer on, seconds; then it is
                hung up. (1 to 14400)
            ring_time: How long the callee's phone may ring, seconds (beyond the original
                documentation). (1 to 180, default 60)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification once msg was heard, or the call was not
                answered. Without it the call is hung up after msg, and no notification is sent.
                (at most 4000 characters)
            media: If true, the terminal notification of the call says what its audio was like,
                in the fields `media_…` (beyond the original documentation).
            sip_headers: Headers of your own, `X-…` and `User-to-User`, by their names. (at most
                512 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/dial.md.
        """
        return self._read(
            DialReply,
            "ivr/start/dial",
            {
                "dest": dest,
                "msg": msg,
                "caller_id": caller_id,
                "max_duration": max_duration,
                "ring_time": ring_time,
                "tag": tag,
                "notify_url": notify_url,
                "media": media,
                "sip_headers": sip_headers,
                "idempotency_key": idempotency_key,
            },
        )

    def play(
        self,
        session: str,
        msg: str,
        *,
        tag: str | None = None,
        notify_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Play a message.

        Answers the call if it still rings, plays msg to its last sample, then notifies notify_url;
        the next block can be requested from then on. Without notify_url the call is hung up after
        the message.

        Args:
            session: The session of the call to act on.
            msg: What to play: text, <speech> and <url>. (at most 1000 characters)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification once msg was heard. Without it the call
                is hung up after msg, and no notification is sent. (at most 4000 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/play.md.
        """
        self._ask(
            "ivr/middle/play",
            {
                "session": session,
                "msg": msg,
                "tag": tag,
                "notify_url": notify_url,
                "idempotency_key": idempotency_key,
            },
        )

    def gather(
        self,
        session: str,
        *,
        notify_url: str,
        msg: str | None = None,
        max_digits: int | None = None,
        timeout: int | None = None,
        attempts: int | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Play a message and gather digits.

        Answers the call if it still rings, plays msg, and gathers the digits that are typed, by RFC
        4733 or SIP INFO. A digit stops msg. Gathering ends with max_digits digits, with `#`, which
        is never part of the result, or when the time is over; then notify_url is told.

        Args:
            session: The session of the call to act on.
            notify_url: Where to send what was typed. (at most 4000 characters)
            msg: What to play: text, <speech> and <url>. A digit stops it. (at most 1000
                characters)
            max_digits: How many digits end it, 0 to 255. With 0 only `#` and the timeout do. (0
                to 255, default 0)
            timeout: How long to wait for digits, seconds from the end of msg. (1 to 600,
                default 15)
            attempts: How often msg is played and digits are waited for, as long as none is
                typed. (1 to 10, default 1)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/gather.md.
        """
        self._ask(
            "ivr/middle/gather",
            {
                "session": session,
                "notify_url": notify_url,
                "msg": msg,
                "max_digits": max_digits,
                "timeout": timeout,
                "attempts": attempts,
                "tag": tag,
                "idempotency_key": idempotency_key,
            },
        )

    def send_digits(
        self,
        session: str,
        digits: str,
        *,
        tag: str | None = None,
        notify_url: str | None = None,
        msg: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Type keys to the other side.

        Answers the call if it still rings, plays msg, then presses the keys of digits one after the
        other and notifies notify_url once the last of them was let go. They are sent as events (RFC
        4733), and as tones to a phone that does not take these. Without notify_url the call is hung
        up after the last key.

        Args:
            session: The session of the call to act on.
            digits: The keys, 1 to 64 of `0` to `9`, `*`, `#` and `A` to `D` in capitals; a
                comma is a pause of one second.
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification once the last key was sent. Without it
                the call is hung up then, and no notification is sent. (at most 4000 characters)
            msg: What to play before: text, <speech> and <url>. (at most 1000 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/send_digits.md.
        """
        self._ask(
            "ivr/middle/send_digits",
            {
                "session": session,
                "tag": tag,
                "notify_url": notify_url,
                "msg": msg,
                "digits": digits,
                "idempotency_key": idempotency_key,
            },
        )

    def record(
        self,
        session: str,
        *,
        notify_url: str,
        msg: str | None = None,
        max_duration: int | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Play a message and record what is said.

        Answers the call if it still rings, plays msg and a beep, and records until `#` is pressed,
        max_duration is over or the other side hangs up. Then notify_url is told where the
        recording, an mp3, can be fetched.

        Args:
            session: The session of the call to act on.
            notify_url: Where to send the link to the recording. (at most 4000 characters)
            msg: What to play before: text, <speech> and <url>. (at most 1000 characters)
            max_duration: How long to record at the most, seconds. (1 to 14400, default 120)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/record.md.
        """
        self._ask(
            "ivr/middle/record",
            {
                "session": session,
                "notify_url": notify_url,
                "msg": msg,
                "max_duration": max_duration,
                "tag": tag,
                "idempotency_key": idempotency_key,
            },
        )

    def monitor(
        self,
        session: str,
        *,
        notify_url: str,
        monitor_notify_url: str | None = None,
        msg: str | None = None,
        tag: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Record the whole call.

        Answers the call if it still rings, begins to record both sides, plays msg, then notifies
        notify_url; the next block can be requested from then on. When the call is over,
        monitor_notify_url is told where the recording, an mp3, can be fetched.

        Args:
            session: The session of the call to act on.
            notify_url: Where to send the notification once msg was heard. (at most 4000
                characters)
            monitor_notify_url: Where to send the link to the recording once the call is over;
                without it, to notify_url. (at most 4000 characters)
            msg: What to play, e.g. that the call is recorded: text, <speech> and <url>. (at
                most 1000 characters)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/monitor.md.
        """
        self._ask(
            "ivr/middle/monitor",
            {
                "session": session,
                "notify_url": notify_url,
                "monitor_notify_url": monitor_notify_url,
                "msg": msg,
                "tag": tag,
                "idempotency_key": idempotency_key,
            },
        )

    def hold(
        self,
        session: str,
        *,
        msg: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Put the call on hold.

        Answers the call if it still rings, and plays msg, or music without one, again and again
        until an Unhold. Only Unhold and a forced Hangup are accepted meanwhile. It sends no
        notification of its own.

        Args:
            session: The session of the call to act on.
            msg: What to play again and again: text, <speech> and <url>; without it, music. (at
                most 1000 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/hold.md.
        """
        self._ask(
            "ivr/middle/hold",
            {
                "session": session,
                "msg": msg,
                "idempotency_key": idempotency_key,
            },
        )

    def unhold(
        self,
        session: str,
        *,
        tag: str | None = None,
        notify_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Take the call off hold.

        Stops what Hold plays, then notifies notify_url; the next block can be requested from then
        on. Without notify_url the call is hung up.

        Args:
            session: The session of the call to act on.
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification. Without it the call is hung up, and no
                notification is sent. (at most 4000 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/unhold.md.
        """
        self._ask(
            "ivr/middle/unhold",
            {
                "session": session,
                "tag": tag,
                "notify_url": notify_url,
                "idempotency_key": idempotency_key,
            },
        )

    def transfer(
        self,
        session: str,
        dest: str,
        *,
        msg: str | None = None,
        caller_id: str | None = None,
        on_failure: Literal["hangup", "continue"] | None = None,
        ring_time: int | None = None,
        tag: str | None = None,
        notify_url: str | None = None,
        media: bool = False,
        sip_headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> TransferReply:
        """Join the call to another number, or to a room.

        Answers the call if it still rings, plays msg, then calls dest and joins the two; until it
        answers, the caller hears it ring. No other block can follow, unless dest is not reached and
        on_failure is `continue`. When either side hangs up, the other is hung up too, and
        notify_url is told once. `room:ID` as dest joins the call to everybody in that room, `room:`
        to a new one.

        Args:
            session: The session of the call to act on.
            dest: A number in E.164; or `room:` and the name of a room, 1 to 32 letters, digits,
                dots, underscores and hyphens; or `room:` alone for a new room. After a number,
                digits may follow that are dialled once it has answered: `+6591112222,,123#`, a
                comma is a pause of one second.
            msg: What to play before: text, <speech> and <url>. (at most 1000 characters)
            caller_id: The number that the callee is shown: one of the account's own numbers,
                its registered number, the caller's own number, or `private` for none. Without
                it the registered number, else the trunk's.
            on_failure: What follows if dest is not reached: `hangup`, or `continue` to go on
                with the session. (default hangup)
            ring_time: How long the callee's phone may ring, seconds (beyond the original
                documentation). (1 to 180, default 60)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification once the joined call is over, or dest was
                not reached. Without it no notification is sent. (at most 4000 characters)
            media: If true, the terminal notification of the call says what its audio was like,
                in the fields `media_…` (beyond the original documentation).
            sip_headers: Headers of your own, `X-…` and `User-to-User`, by their names. (at most
                512 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/transfer.md.
        """
        return self._read(
            TransferReply,
            "ivr/end/transfer",
            {
                "session": session,
                "dest": dest,
                "msg": msg,
                "caller_id": caller_id,
                "on_failure": on_failure,
                "ring_time": ring_time,
                "tag": tag,
                "notify_url": notify_url,
                "media": media,
                "sip_headers": sip_headers,
                "idempotency_key": idempotency_key,
            },
        )

    def hangup(
        self,
        session: str,
        *,
        force: bool = False,
        msg: str | None = None,
        tag: str | None = None,
        notify_url: str | None = None,
        reject: str | int | None = None,
        media: bool = False,
        sip_headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Hang up the call, after a message if one is given.

        Plays msg to its last sample, hangs up, then notifies notify_url. A call that still rings is
        answered to play msg; without msg it is rejected, as reject says. No other block can follow.
        With force=enabled the call is hung up at once, at any moment of the session, whatever block
        is in progress, and without a message.

        Args:
            session: The session of the call to act on.
            force: If true, the call is hung up immediately, even in the middle of another
                block; msg must not be given.
            msg: What to play before the call is hung up: text, <speech> and <url>. (at most
                1000 characters)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification once the call is over. Without it the
                call is hung up after msg, and no notification is sent. (at most 4000
                characters)
            reject: How a call that still rings is rejected: `busy` (SIP 486, Q.850 cause 17),
                `declined` (603, cause 21), `unavailable` (480, cause 18), or a SIP status from
                400 to 699, which a Q.850 cause goes with (RFC 3398); not 401, 407, 408, 481,
                482, 487 or 491, and not beside msg. Without it the operator's `--reject-code`
                holds. Once the call is answered, and of a call that was dialled, it is ignored.
            media: If true, the terminal notification of the call says what its audio was like,
                in the fields `media_…` (beyond the original documentation).
            sip_headers: Headers of your own, `X-…` and `User-to-User`, by their names. (at most
                512 characters)
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/hangup.md.
        """
        self._ask(
            "ivr/end/hangup",
            {
                "session": session,
                "force": force,
                "msg": msg,
                "tag": tag,
                "notify_url": notify_url,
                "reject": reject,
                "media": media,
                "sip_headers": sip_headers,
                "idempotency_key": idempotency_key,
            },
        )

    def voice_call(
        self,
        dest2: str,
        *,
        dest1: str | None = None,
        caller_id: str | None = None,
        max_duration: int | None = None,
        tag: str | None = None,
        notify_url: str | None = None,
        media: bool = False,
        idempotency_key: str | None = None,
    ) -> VoiceCallReply:
        """Call two numbers and join them.

        Calls dest1, which is shown the number of dest2; when it answers, calls dest2, which dest1
        hears ring and which is shown caller_id, and joins the two. When either hangs up, the other
        is hung up, and notify_url is told once.

        Args:
            dest2: The number to join it to, in E.164.
            dest1: The number to call first, in E.164; without it, the account's registered
                number.
            caller_id: The number that dest2 is shown: one of the account's own numbers, its
                registered number, or `private` for none. Without it the registered number, else
                the trunk's.
            max_duration: How long the call may last from the answer of dest2 on, seconds; then
                it is hung up. (1 to 14400)
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send the notification once all is over; without it, none is
                sent. (at most 4000 characters)
            media: If true, the terminal notification of the call says what its audio was like,
                in the fields `media_…` (beyond the original documentation).
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/voice_call.md.
        """
        return self._read(
            VoiceCallReply,
            "voice/call",
            {
                "dest1": dest1,
                "dest2": dest2,
                "caller_id": caller_id,
                "max_duration": max_duration,
                "tag": tag,
                "notify_url": notify_url,
                "media": media,
                "idempotency_key": idempotency_key,
            },
        )

    def voice_hangup(
        self,
        txn_ref: str,
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Hang up a call by its reference, at once.

        Ends the call of txn_ref, whatever it is doing: a call of this API, a member of a
        conference, or one that is steered by blocks. Whoever was to be told of its end is told.

        Args:
            txn_ref: The reference of the call.
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/voice_hangup.md.
        """
        self._ask(
            "voice/hangup",
            {
                "txn_ref": txn_ref,
                "idempotency_key": idempotency_key,
            },
        )

    def voice_conference(
        self,
        dest: str | list[str] | tuple[str, ...],
        *,
        room: str | None = None,
        caller_id: str | None = None,
        tag: str | None = None,
        notify_url: str | None = None,
        media: bool = False,
        idempotency_key: str | None = None,
    ) -> VoiceConferenceReply:
        """Call several numbers into a room.

        Calls every number of dest, and puts each into the room as it answers: everybody hears
        everybody else. notify_url is told once for each of them, when its call is over.

        Args:
            dest: Up to 8 numbers in E.164, separated by commas.
            room: The name of the room, 1 to 32 letters, digits, dots, underscores and hyphens;
                without it, a new one.
            caller_id: The number that the callee is shown: one of the account's own numbers,
                its registered number, or `private` for none. Without it the registered number,
                else the trunk's.
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send a notification for each call; without it, none is sent.
                (at most 4000 characters)
            media: If true, the terminal notification of the call says what its audio was like,
                in the fields `media_…` (beyond the original documentation).
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/voice_conference.md.
        """
        return self._read(
            VoiceConferenceReply,
            "voice/conference",
            {
                "dest": dest,
                "room": room,
                "caller_id": caller_id,
                "tag": tag,
                "notify_url": notify_url,
                "media": media,
                "idempotency_key": idempotency_key,
            },
        )

    def conference_call(
        self,
        dest: str | list[str] | tuple[str, ...],
        *,
        room: str | None = None,
        caller_id: str | None = None,
        tag: str | None = None,
        notify_url: str | None = None,
        media: bool = False,
        idempotency_key: str | None = None,
    ) -> ConferenceCallReply:
        """Call several numbers into a room.

        Calls every number of dest, and puts each into the room as it answers: everybody hears
        everybody else. notify_url is told once for each of them, when its call is over.

        Args:
            dest: Up to 8 numbers in E.164, separated by commas.
            room: The name of the room, 1 to 32 letters, digits, dots, underscores and hyphens;
                without it, a new one.
            caller_id: The number that the callee is shown: one of the account's own numbers,
                its registered number, or `private` for none. Without it the registered number,
                else the trunk's.
            tag: Your own reference; it comes back in the notification. (at most 256 characters)
            notify_url: Where to send a notification for each call; without it, none is sent.
                (at most 4000 characters)
            media: If true, the terminal notification of the call says what its audio was like,
                in the fields `media_…` (beyond the original documentation).
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/conference_call.md.
        """
        return self._read(
            ConferenceCallReply,
            "conference/call",
            {
                "dest": dest,
                "room": room,
                "caller_id": caller_id,
                "tag": tag,
                "notify_url": notify_url,
                "media": media,
                "idempotency_key": idempotency_key,
            },
        )

    def conference_moderate(
        self,
        txn_ref: str,
        action: Literal["kick", "mute", "unmute"],
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Put a member out of its room, or mute it.

        A muted member hears the others and is not heard; one that is kicked is hung up.

        Args:
            txn_ref: The reference of the call.
            action: `kick`, `mute` or `unmute`.
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/conference_moderate.md.
        """
        self._ask(
            "conference/moderate",
            {
                "txn_ref": txn_ref,
                "action": action,
                "idempotency_key": idempotency_key,
            },
        )

    def user_get_balance(
        self,
        *,
        idempotency_key: str | None = None,
    ) -> UserGetBalanceReply:
        """The balance of the account.

        Amounts have three decimals. The balance is the sum of points and bonus; bonus is used
        first.

        Args:
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/user_get_balance.md.
        """
        return self._read(
            UserGetBalanceReply,
            "user/get_balance",
            {
                "idempotency_key": idempotency_key,
            },
        )

    def user_get_info(
        self,
        *,
        idempotency_key: str | None = None,
    ) -> UserGetInfoReply:
        """Whose account this is.

        What the operator keeps of the account, and vouches for; what is not known is empty.

        Args:
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/user_get_info.md.
        """
        return self._read(
            UserGetInfoReply,
            "user/get_info",
            {
                "idempotency_key": idempotency_key,
            },
        )

    def voice_query_status(
        self,
        txn_ref: str,
        *,
        idempotency_key: str | None = None,
    ) -> VoiceQueryStatusReply:
        """What became of a call, or how it stands.

        txn_ref is the reference that the call's notifications carry. Every application of the
        account may ask. While the call goes on, there is no bill yet: duration and debit are left
        out.

        Args:
            txn_ref: The call's reference.
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/voice_query_status.md.
        """
        return self._read(
            VoiceQueryStatusReply,
            "voice/query_status",
            {
                "txn_ref": txn_ref,
                "idempotency_key": idempotency_key,
            },
        )

    def voice_get_history(
        self,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        page: int | None = None,
        idempotency_key: str | None = None,
    ) -> VoiceGetHistoryReply:
        """The calls of the application.

        The newest call first, 100 on a page; calls in progress are among them. The times are those
        at which calls began, in GMT+8.

        Args:
            from_: The earliest beginning, YYYY-MM-DD HH:mm:SS in GMT+8; without it, since ever.
            to: Before when they began, this second not included, YYYY-MM-DD HH:mm:SS in GMT+8;
                without it, until now.
            page: Which page, from 1; without it, the first.
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/voice_get_history.md.
        """
        return self._read(
            VoiceGetHistoryReply,
            "voice/get_history",
            {
                "from": from_,
                "to": to,
                "page": page,
                "idempotency_key": idempotency_key,
            },
        )

    def voice_get_rate(
        self,
        dest1: str,
        dest2: str,
        *,
        idempotency_key: str | None = None,
    ) -> VoiceGetRateReply:
        """What a call between two numbers costs.

        The charge for a minute of a call to dest1 that is joined to a call to dest2.

        Args:
            dest1: A number, in E.164.
            dest2: Another, in E.164.
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/voice_get_rate.md.
        """
        return self._read(
            VoiceGetRateReply,
            "voice/get_rate",
            {
                "dest1": dest1,
                "dest2": dest2,
                "idempotency_key": idempotency_key,
            },
        )

    def number_get_active(
        self,
        *,
        idempotency_key: str | None = None,
    ) -> NumberGetActiveReply:
        """The numbers of the application.

        Every number that can be called, and where its calls are told.

        Args:
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/number_get_active.md.
        """
        return self._read(
            NumberGetActiveReply,
            "number/get_active",
            {
                "idempotency_key": idempotency_key,
            },
        )

    def number_update_forwarding(
        self,
        number: str,
        *,
        forward_to: str | None = None,
        mode: Literal["voice"] | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Change the URL that is told of calls to a number.

        Takes effect with the next call to the number; a call in progress keeps to the old URL.

        Args:
            number: A number of the application.
            forward_to: The URL, absolute, http or https. Without it the number stays as it is.
                (at most 4000 characters)
            mode: What the number is for.
            idempotency_key: A name of your own for this request, instead of a random one. (at
                most 255 characters)

        Raises Refused and NoReply. Its statuses: docs/reference/number_update_forwarding.md.
        """
        self._ask(
            "number/update_forwarding",
            {
                "number": number,
                "forward_to": forward_to,
                "mode": mode,
                "idempotency_key": idempotency_key,
            },
        )
