"""Calls in which a block does its work, and the paths that lead there."""

from call.lives import CALLED, WAITING, Path
from onhook import urls
from onhook.call import Job, PeerAnswered, PeerRang, Played, Prepared, Requested, Work
from onhook.call.works import (
    Gathering,
    Holding,
    Leaving,
    Meeting,
    Monitoring,
    Recording,
    SendingDigits,
    Transferring,
    Unholding,
)
from onhook.urls import WebUrl

BLOCK_URL = urls.parse("http://app.example/block")
MONITOR_URL = urls.parse("http://app.example/monitored")
LINK = "http://onhook.example/recordings/1"
WHOLE_LINK = "http://onhook.example/recordings/2"


def block(
    work: Work,
    name: str,
    request_id: int = 3,
    *,
    speaks: bool = True,
    url: WebUrl | None = BLOCK_URL,
    tag: str = "",
) -> Job:
    """A block as an application asks for it."""
    return Job(request_id, name, notify_url=url, tag=tag, speaks=speaks, work=work)


def begun(job: Job, path: Path = WAITING, at: float = 6.0) -> Path:
    """The block was asked for a second ago, and begins."""
    return (*path, Requested(at - 1, job), Prepared(at, job.request_id))


def gather(
    max_digits: int = 4, *, timeout_s: float = 10.0, attempts: int = 2, speaks: bool = True
) -> Job:
    """A Gather."""
    return block(Gathering(max_digits, timeout_s, attempts), "gather", speaks=speaks, tag="pin")


def send_digits(*, speaks: bool = True, url: WebUrl | None = BLOCK_URL) -> Job:
    """A SendDigits."""
    return block(SendingDigits("12,#"), "send_digits", speaks=speaks, url=url)


def record(*, speaks: bool = True, beep: bool = True) -> Job:
    """A Record of a minute."""
    return block(Recording("rec", LINK, 60.0, beep), "record", speaks=speaks)


def monitor(url: WebUrl | None = MONITOR_URL, request_id: int = 3, *, speaks: bool = True) -> Job:
    """A Monitor whose last notification goes to another URL than its first, or to the same."""
    return block(Monitoring("mon", WHOLE_LINK, url), "monitor", request_id, speaks=speaks)


def transfer(
    *,
    speaks: bool = True,
    goes_on: bool = False,
    url: WebUrl | None = BLOCK_URL,
    request_id: int = 3,
) -> Job:
    """A Transfer to a number that rings for 20 s."""
    work = Transferring(20.0, goes_on)
    return block(work, "transfer", request_id, speaks=speaks, url=url)


def unhold(request_id: int = 4, url: WebUrl | None = BLOCK_URL) -> Job:
    """An Unhold."""
    return block(Unholding(), "unhold", request_id, speaks=False, url=url)


def hold(request_id: int = 3, *, speaks: bool = True) -> Job:
    """A Hold; it never has a notify_url."""
    return block(Holding(), "hold", request_id, speaks=speaks, url=None)


GATHER = gather()
PROMPTING: Path = begun(GATHER)
"""The message of a Gather plays."""
LISTENING: Path = (*PROMPTING, Played(8.0, 3))

SEND_DIGITS = send_digits()
ADDRESSING: Path = begun(SEND_DIGITS)
"""The message before the keys plays."""
TYPING: Path = (*ADDRESSING, Played(8.0, 3))

RECORD = record()
BEEPING: Path = begun(RECORD)
"""The message of a Record plays, and its beep."""
RECORDING: Path = (*BEEPING, Played(8.0, 3))

MONITOR = monitor()
MONITORING: Path = begun(MONITOR)
MONITORED: Path = (*MONITORING, Played(8.0, 3))
"""WAITING, and recorded as a whole."""

HOLD = hold()
HELD: Path = begun(HOLD)
UNHOLD = unhold()
PREPARING_UNHOLD: Path = (*HELD, Requested(7.0, UNHOLD))

TRANSFER = transfer()
ANNOUNCING: Path = begun(TRANSFER)
"""The message before the transfer plays."""
REACHING: Path = (*ANNOUNCING, Played(8.0, 3))
AUDIBLE: Path = (*REACHING, PeerRang(9.0, audible=True))
JOINED: Path = (*REACHING, PeerAnswered(12.0))
TRYING: Path = begun(transfer(speaks=False, goes_on=True), at=8.0)
"""REACHING with on_failure=continue, and nothing said before."""

ROOM = block(Meeting(), "transfer")
ENTERING: Path = begun(ROOM)
"""The message before the room plays."""
MEETING: Path = (*ENTERING, Played(8.0, 3))

OUT_REACHING: Path = begun(transfer(speaks=False, request_id=3), CALLED, at=8.0)
"""A call of ours that is joined to another one."""

LEAVING = Job(9, "hangup", hangs_up=True, force=True, work=Leaving())
"""A hangup that is asked for by the call's reference."""
