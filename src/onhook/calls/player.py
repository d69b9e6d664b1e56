"""What plays in one leg of a call: messages, what is repeated, and keys; one after another."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from onhook.calls import clock
from onhook.calls.leg_trace import LegTrace
from onhook.calls.playing import Playing, Sort, digests_of, tag_of_digits, tag_of_sound
from onhook.calls.speaking import NOTHING, PreparedMessage, Speaking
from onhook.calls.unrecorded import Hold, Unrecorded
from onhook.media import sounds
from onhook.media.found import FoundStream
from onhook.media.play_queue import OnLost, Playable, nobody_waits, number_after
from onhook.media.stream import Stream


class Sayable(Protocol):
    """Something with a message, which is used up by being said, or kept whole."""

    message: PreparedMessage


OnLast = Callable[[int], None]
"""Hears what the stream calls the last of what plays, or will."""
_UNTRACED: Final = LegTrace()
TOLD_AGAIN_S: Final = 2.0
"""Within which it is told again for what something was cut off."""


class Player:
    """Plays on the stream that there is; without one nothing is played. ``on_change`` hears that something
    else plays of which nobody else is told; ``trace`` hears of all that plays."""

    def __init__(self, on_change: Callable[[], None], trace: LegTrace | None = None) -> None:
        self.stream: Stream | None = None
        self._on_change = on_change
        self._trace = trace or LegTrace()
        self._prompts: Sequence[Playable] = ()
        """All that there is of what plays once; nothing of what is repeated."""
        self._speaking: Speaking | None = None
        self.playing: Playing | None = None
        """What plays of what the call wants to be heard."""
        self.is_asked: Callable[[], bool] = lambda: False
        """Whether a request is being prepared; of a call that was taken over."""
        self._unrecorded: Unrecorded | None = None
        """What plays besides, and may be asked for yet."""
        self._newest_recorded = 0
        """What was asked for last before that."""

    @property
    def newest(self) -> int:
        """The number of what was asked to be played last; 0 for nothing. What may still be asked for is left
        out: so the next process leaves it as it is, too."""
        if self._unrecorded is not None:
            return self._newest_recorded
        return self.stream.newest_play if self.stream is not None else 0

    def say(
        self,
        request: int,
        what: Sayable,
        on_said: Callable[[float], None],
        on_failed: Callable[[], None],
        *,
        beep: bool = False,
        done: int = 0,
        on_last: OnLast | None = None,
    ) -> None:
        """Says the message of a request, if it has one, and then a beep if one is wanted; ``on_said`` is told
        when the end of it left, also where there is nothing to be said. ``done`` of its frames were heard
        before. ``on_last`` hears what the stream calls the last of it, as soon as that is known."""
        if what.message.first:
            self._note_message(what.message)
            said = self._said(request, what, on_said, on_failed, beep=beep, on_last=on_last)
            playing = Playing(Sort.SAY, request, beep=beep)
            ends_it = None if beep else on_last
            self._speak(playing, what.message, said, on_failed, what, done, on_last=ends_it)
        elif beep:
            self.beep(request, on_said, on_failed, on_last)
        else:
            self.playing = Playing(Sort.SAY, request)
            asyncio.get_running_loop().call_soon(lambda: self._through(0, on_said, clock.now_s()))

    def beep(
        self,
        request: int,
        on_said: Callable[[float], None],
        on_failed: Callable[[], None],
        on_last: OnLast | None = None,
    ) -> None:
        """A beep; ``on_said`` is told when it left, ``on_last`` what the stream calls it."""
        beeping, tone = Playing(Sort.BEEP, request), PreparedMessage((sounds.beep(),))
        self._told.plays("a beep", tone.first)
        self._speak(beeping, tone, lambda at_s, _: on_said(at_s), on_failed, on_last=on_last)

    def _said(
        self,
        request: int,
        what: Sayable,
        on_said: Callable[[float], None],
        on_failed: Callable[[], None],
        *,
        beep: bool,
        on_last: OnLast | None = None,
    ) -> Callable[[float, Sequence[Playable]], None]:
        """What follows the message of a request."""

        def said(at_s: float, prompts: Sequence[Playable]) -> None:
            # complete, should it be said again
            what.message = PreparedMessage(prompts, source=what.message.source)
            if beep:
                self.beep(request, on_said, on_failed, on_last)
                self._on_change()
            else:
                on_said(at_s)

        return said

    def loop_message(self, request: int, what: Sayable, done: int = 0) -> None:
        """Says the message of a request again and again; music, if it has none.

        What is not ready to its end is said once before it is repeated; if its end cannot be made,
        there is music after what there was of it, so that whoever waits knows that the call is there. The
        first time, ``done`` frames of what is repeated are left out.
        """
        message, what.message = what.message, NOTHING  # it outlives its request
        looping = Playing(Sort.LOOP, request)
        if not message.first:
            self._told.plays("music")
            self._repeat(looping, (sounds.hold_music(),), done)
        elif message.rest is None:
            self._note_message(message, repeated=True)
            self._repeat(looping, message.first, done)
        else:
            self._note_message(message)
            self._speak(
                Playing(Sort.SAY, request, loops=True),
                message,
                lambda _, prompts: self._repeat_now(looping, prompts),
                lambda: self._repeat_now(looping, (sounds.hold_music(),)),
            )

    def ring_back(self) -> None:
        """Lets it hear that somebody else's phone rings."""
        self._told.plays("ring back")
        self._repeat(Playing(Sort.RING_BACK), (sounds.ringback(),))

    def send_digits(
        self, request: int, digits: str, on_sent: Callable[[float], None], done: int = 0
    ) -> None:
        """Keys of a request, behind what plays, but for those that are ``done``; ``on_sent`` is told when the
        last has left."""
        if self.stream is None:
            return
        self._prompts = ()
        self._trace.sends(digits)
        sending, tag = Playing(Sort.DIGITS, request), tag_of_digits(digits)
        if self._plays_already(
            sending,
            tag,
            on_sent,
            lambda progress: self.send_digits(request, digits, on_sent, progress),
        ):
            return
        sent = self.stream.send_digits(
            digits, lambda at_s: self._through(sent, on_sent, at_s), done=done, tag=tag
        )
        self.playing = sending._replace(id=sent)

    @property
    def _told(self) -> LegTrace:
        """Without a stream nothing plays."""
        return self._trace if self.stream is not None else _UNTRACED

    def _note_message(self, message: PreparedMessage, *, repeated: bool = False) -> None:
        more = message.rest is not None
        self._told.plays_message(message.source, message.first, more=more, repeated=repeated)

    def _speak(
        self,
        playing: Playing,
        message: PreparedMessage,
        on_said: Callable[[float, Sequence[Playable]], None],
        on_failed: Callable[[], None],
        what: Sayable | None = None,
        done: int = 0,
        on_last: OnLast | None = None,
    ) -> None:
        """Says a message; ``on_said`` is told when its end left, and what was played for it. ``what`` has all
        of it once all of it is there. ``on_last`` hears before that what the stream calls its end."""
        if self.stream is None:
            return
        tag = 0 if message.rest is not None else tag_of_sound(playing, message.first)
        if self._plays_already(
            playing,
            tag,
            lambda at_s: on_said(at_s, message.first),
            lambda progress: self._speak(
                playing, message, on_said, on_failed, what, progress, on_last
            ),
        ):
            self._prompts = message.first
            if on_last is not None and self.playing is not None:
                on_last(self.playing.id)
            return
        if on_last is not None and message.rest is None:
            on_last(
                number_after(self.stream.newest_play, tag)
            )  # before it plays: this process may die in between
            on_last = None
        speaking = Speaking(
            self.stream,
            message,
            on_played=lambda at_s: self._through(
                speaking.last_id, lambda at_s: on_said(at_s, speaking.said), at_s
            ),
            on_failed=lambda _: self._through(speaking.last_id, lambda _: on_failed(), 0.0),
            on_queued=lambda: self._queued(speaking, playing, what, on_last),
            done=done,
            tag=tag,
        )
        self._speaking, self._prompts = speaking, speaking.said
        self._queued(speaking, playing, what)

    def _queued(
        self,
        speaking: Speaking,
        playing: Playing,
        what: Sayable | None,
        on_last: OnLast | None = None,
    ) -> None:
        """Of a message that is being made, more is there, or all of it."""
        if speaking is not self._speaking:
            return
        known, parts = self.playing, tuple(speaking.parts)
        self.playing = playing._replace(
            id=speaking.last_id,
            rest=not speaking.complete,
            parts=parts if len(parts) > 1 else (),
            message=digests_of(speaking.said) if playing.loops and speaking.complete else (),
        )
        if what is not None and speaking.complete and what.message.rest is not None:
            what.message = PreparedMessage(tuple(speaking.said), source=what.message.source)
        if on_last is not None and speaking.complete:
            on_last(speaking.last_id)
        if known is not None and known.rest:
            self._on_change()

    def _through(self, play_id: int, then: Callable[[float], None], at_s: float) -> None:
        """What plays is over, whose last part the stream called this."""
        if self.playing is not None and self.playing.id == play_id:
            self.playing = None
        self._trace.through(self._prompts)
        then(at_s)

    def _repeat(self, playing: Playing, prompts: Sequence[Playable], done: int = 0) -> None:
        self._prompts = ()
        if self.stream is None:
            return
        looping, tag = playing._replace(message=digests_of(prompts)), tag_of_sound(playing, prompts)
        again = partial(self._repeat, playing, prompts)
        if not self._plays_already(looping, tag, nobody_waits, again):
            self.playing = looping._replace(id=self.stream.loop(prompts, done=done, tag=tag))

    def _repeat_now(self, playing: Playing, prompts: Sequence[Playable]) -> None:
        """Behind what was said, of which nobody else is told."""
        self._told.plays("that again and again")
        self._repeat(playing, prompts)
        self._on_change()

    def _plays_already(
        self,
        playing: Playing,
        tag: int,
        on_played: Callable[[float], None],
        again: Callable[[int], None],
    ) -> bool:
        """Whether this is what an earlier process had begun; whatever else it had is cut off. ``again`` has
        it begun anew but for what was played, should the media plane die."""
        unrecorded, self._unrecorded = self._unrecorded, None
        if unrecorded is None:
            return False
        if not unrecorded.is_called(tag):
            unrecorded.cut()
            return False
        number = unrecorded.number
        self.playing = playing._replace(id=number)
        unrecorded.go_on(
            lambda at_s: self._through(number, on_played, at_s),
            lambda play_id, progress: again(progress if play_id == number else 0),
        )
        return True

    def stop_playing(self) -> None:
        """Cuts off what plays."""
        self.forget()
        self.playing = None
        if self.stream is not None and self.stream.is_open:
            self.stream.stop()

    def forget(self) -> None:
        """Nothing more of a message is queued or told of."""
        self._trace.cut(self._prompts)
        if self._speaking is not None:
            self._speaking.forget()
            self._speaking = None
        if self._unrecorded is not None:
            self._unrecorded.forget()
            self._unrecorded = None

    def take_over(
        self,
        playing: Playing,
        on_played: Callable[[float], None],
        found: FoundStream,
        on_lost: OnLost | None = None,
        skipped: int = 0,
    ) -> bool:
        """Hears of the end of what an earlier process had begun to play; False if that never began.

        Of a message whose end was being made it is the end of what there is. ``on_lost`` hears that the media
        plane died before that, and another one is there, or that it was cut off and nobody says why; how much
        of it that was not asked for, is ``skipped``.
        """
        last_id = found.last_play if playing.rest else playing.id
        if self.stream is None or not 0 < last_id <= found.last_play:
            return False
        self.playing = known = playing._replace(id=last_id)
        self._trace.resumes()
        through = partial(self._through, last_id, on_played)
        self.stream.adopt_play(
            last_id,
            through,
            lambda: self._cut_off(
                known, partial(on_lost, 0, 0) if on_lost else partial(through, clock.now_s())
            ),
            on_lost=on_lost,
            skipped=skipped,
        )
        return True

    def _cut_off(self, playing: Playing, again: Callable[[], None]) -> None:
        """An earlier process did it, unless this one has, and did not write what for: it is told again, or
        was nothing."""
        loop = asyncio.get_running_loop()

        def begin() -> None:
            if self.playing is not playing or self.stream is None or not self.stream.is_open:
                return
            if self.is_asked():
                loop.call_later(TOLD_AGAIN_S, begin)
            else:
                again()

        if self.playing is playing and self.stream is not None:
            loop.call_later(TOLD_AGAIN_S, begin)

    def take_over_message(
        self,
        playing: Playing,
        what: Sayable,
        on_said: Callable[[float], None],
        on_failed: Callable[[], None],
        found: FoundStream,
        on_lost: OnLost | None = None,
        skipped: int = 0,
        on_last: OnLast | None = None,
    ) -> bool:
        """The same of the message of a request: what follows it does."""
        said = self._said(
            playing.request, what, on_said, on_failed, beep=playing.beep, on_last=on_last
        )

        def played(at_s: float) -> None:
            if playing.rest:
                on_failed()
            else:
                said(at_s, what.message.first)

        return self.take_over(playing, played, found, on_lost, skipped)

    def leave_unrecorded(self, number: int, newest: int, hold: Hold) -> None:
        """An earlier process had begun this after the ``newest`` that it wrote; whoever had asked for it may
        ask again."""
        if self.stream is not None:
            self._newest_recorded = newest
            self._unrecorded = Unrecorded(
                self.stream, number, self.is_asked, hold, self._forget_unrecorded
            )

    def _forget_unrecorded(self) -> None:
        """Nobody has asked for it: the next process is not to wait for that either."""
        self._unrecorded = None
        self._on_change()

    def cut(self) -> None:
        """Nothing plays any more."""
        if self.stream is not None:
            self.stream.cut()
