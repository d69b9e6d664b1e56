"""Goes on with what plays in the first leg of a call since before this process."""

import asyncio
from collections.abc import Callable

from onhook.call import State, effects
from onhook.call.works import Recording, SendingDigits
from onhook.calls import clock
from onhook.calls.call_requests import CallRequests
from onhook.calls.ongoing import OngoingCall
from onhook.calls.performer import Performer
from onhook.calls.player import Player
from onhook.calls.playing import Playing, Sort
from onhook.calls.resources import Resources
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.calls.unrecorded import Hold
from onhook.media.found import FoundStream
from onhook.media.remains import Reached


class PlayTakeover:
    """Hears of what plays since before this process; what was to play, and never began, is begun. What played
    in a media plane that is dead goes on where that was, as far as is known: ``reached``. Of what plays,
    ``skipped`` was not asked of the plane; ``looped`` is what is repeated and outlived its request."""

    def __init__(
        self,
        call: OngoingCall,
        performer: Performer,
        player: Player,
        requests: CallRequests,
        found: FoundStream,
        hold: Hold,
        *,
        reached: Reached | None = None,
        skipped: int = 0,
        looped: PreparedMessage = NOTHING,
    ) -> None:
        self._call = call
        self._performer = performer
        self._player = player
        self._requests = requests
        self._found = found
        self._hold = hold
        self._reached = reached
        self._skipped = skipped
        self._looped = looped

    def go_on(self, playing: Playing | None, newest: int) -> None:
        """``playing`` is what the record says, and ``newest`` the number of what was asked for last by then.
        What plays though the record does not know of it plays on for a while: its request was not
        accepted, or what comes before it is still to be heard of."""
        call = self._call
        self._player.is_asked = lambda: call.now.state is State.PREPARING
        if playing is None or (playing.id < self._found.last_play and not playing.rest):
            if self._found.last_play > newest:
                self._player.leave_unrecorded(self._found.last_play, newest, self._hold)
            else:
                self._player.cut()
        if playing is None or self._heard_of(playing):
            return
        before = self._reached
        done: int | None = 0
        if before is not None:
            done = playing.done(self._skipped, before.play_id, before.progress, before.over)
        self._play_on(playing, done)

    def _play_on(self, playing: Playing, done: int | None) -> None:
        """So much of it was heard; all of it, for None. What was still being made then is broken off."""
        performer, request_id = self._performer, playing.request
        lost = playing.rest and self._reached is not None
        if done is not None and not lost:
            self._begin(playing, done)
        elif playing.loops:
            self._repeat(playing)
        elif playing.beep and not lost:
            self._begin_beep(request_id)
        else:
            self._player.playing = playing
            on_played, on_broken = performer.on_played(request_id), performer.on_broken(request_id)
            self._soon(on_broken if lost else lambda: on_played(clock.now_s()))

    def _soon(self, then: Callable[[], None]) -> None:
        def through() -> None:
            self._player.playing = None
            then()

        asyncio.get_running_loop().call_soon(through)

    def _lost(self, playing: Playing, play_id: int, progress: int) -> None:
        """The plane that had it has died, and this process sees another."""
        self._begin(playing, playing.done(self._skipped, play_id, progress) or 0)

    def _heard_of(self, playing: Playing) -> bool:
        performer, request_id = self._performer, playing.request

        def lost(play_id: int, progress: int) -> None:
            self._lost(playing, play_id, progress)

        match playing.sort:
            case Sort.SAY if not playing.loops:
                return self._player.take_over_message(
                    playing,
                    self._requests.kept_of(request_id),
                    performer.on_played(request_id),
                    performer.on_broken(request_id),
                    self._found,
                    None if playing.rest else lost,
                    self._skipped,
                    performer.on_last(self._recording),
                )
            case Sort.BEEP | Sort.DIGITS:
                heard = performer.on_played(request_id)
                on_lost = lost if playing.sort is Sort.DIGITS else None
                return self._player.take_over(playing, heard, self._found, on_lost, self._skipped)
            case _:
                return self._player.take_over(
                    playing, lambda _: self._repeat(playing), self._found, lost
                )

    def _repeat(self, playing: Playing) -> None:
        """A message was said once before it is repeated. What is repeated already never ends."""
        if playing.loops:
            self._loop(playing.request)

    def _begin(self, playing: Playing, done: int) -> None:
        performer, request_id, job = self._performer, playing.request, self._call.now.job
        match playing.sort:
            case Sort.SAY if not playing.loops:
                say = effects.Play(request_id, beep=playing.beep, recording=self._recording)
                performer.play(say, done)
            case Sort.SAY | Sort.LOOP:
                self._loop(request_id, done)
            case Sort.BEEP:
                self._begin_beep(request_id)
            case Sort.RING_BACK:
                self._player.ring_back()
            case Sort.DIGITS if job is not None and isinstance(job.work, SendingDigits):
                performer.send_digits(effects.SendDigits(request_id, job.work.digits), done)

    def _begin_beep(self, request_id: int) -> None:
        performer = self._performer
        heard, broken = performer.on_played(request_id), performer.on_broken(request_id)
        self._player.beep(request_id, heard, broken, performer.on_last(self._recording))

    @property
    def _recording(self) -> str:
        """What is to begin behind what plays."""
        job = self._call.now.job
        return job.work.records if job is not None and isinstance(job.work, Recording) else ""

    def _loop(self, request_id: int, done: int = 0) -> None:
        what = Resources(self._looped) if self._looped.first else self._requests.kept_of(request_id)
        self._player.loop_message(request_id, what, done)
