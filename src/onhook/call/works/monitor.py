"""The work of Monitor: from here on the whole call is recorded; then the message, if there is one."""

from dataclasses import dataclass

from onhook.blocks.monitor import MonitorRequest
from onhook.call.effects import Play, StartRecording
from onhook.call.ending import Contact
from onhook.call.work import Job, Over, Turn, Work
from onhook.call.work_events import Played, WorkEvent
from onhook.call.works.record import RecordingSettings
from onhook.urls import WebUrl


@dataclass(frozen=True, slots=True)
class Monitoring(Work):
    """Records under ``name`` until the call ends; then ``notify_url`` is told ``url``."""

    name: str
    url: str
    notify_url: WebUrl | None = None

    @property
    def records(self) -> str:
        """The whole call."""
        return self.name

    def records_at_once(self, job: Job) -> bool:
        """The caller may speak as soon as there is an answer."""
        return True

    @classmethod
    def of(cls, request: MonitorRequest, settings: RecordingSettings) -> "Monitoring":
        """What is asked for, under a new link."""
        link = settings.new_link()
        return cls(link.name, link.url, request.monitor_notify_url)

    def refusal(self, *, held: bool, monitored: bool) -> str:
        """A call is monitored once."""
        return "error_monitor_in_progress" if monitored else ""

    def monitor(self, job: Job) -> Contact | None:
        """The link goes to ``monitor_notify_url``, or where the block itself is told."""
        url = self.notify_url or job.notify_url
        return Contact(job.block, url, job.tag, (("monitor_url", self.url),)) if url else None

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """The message is the first thing that is recorded."""
        start = StartRecording(self.name)
        if job.speaks:
            return Turn(self, (start, Play(job.request_id)), left=typed)
        return Turn(self, (start,), over=Over(), left=typed)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """The message was heard."""
        return Turn(self, over=Over()) if isinstance(event, Played) else None
