"""Messages and descriptors between the supervisor and its processes."""

import os
import socket
import subprocess
import sys

import pytest

from onhook.processes.channel import MAX_BYTES, Channel
from onhook.processes.membership import CHANNEL

_CHILD = """
from onhook.processes.membership import Membership
member = Membership.join()
reading, writing = __import__("os").pipe()
member.offer("switch", [writing])
member.ready(settings=member.settings, generation=member.generation,
             sockets={name: one.getsockname() for name, one in member.sockets.items()})
print(__import__("os").read(reading, 10).decode(), flush=True)
"""


def test_a_message_arrives_whole_and_with_what_is_open() -> None:
    one, other = Channel.pair()
    reading, writing = os.pipe()
    one.send({"say": "link", "text": "x" * 60_000}, [writing])
    one.send({"say": "second"})
    os.close(writing)
    received = other.receive()
    assert received is not None
    message, (descriptor,) = received
    assert message == {"say": "link", "text": "x" * 60_000}
    assert not os.get_inheritable(descriptor)
    os.write(descriptor, b"here")
    assert os.read(reading, 10) == b"here"
    assert other.receive() == ({"say": "second"}, [])
    one.close()
    assert other.receive() is None
    for each in (reading, descriptor):
        os.close(each)
    other.close()


def test_the_last_word_of_one_that_did_not_listen_is_heard() -> None:
    """Whoever ends with messages unread is told of by an error, which comes before what it had said."""
    one, other = Channel.pair()
    one.send({"say": "unheard"})
    other.send({"say": "failed"})
    other.close()
    assert one.receive() == ({"say": "failed"}, [])
    assert one.receive() is None
    one.close()


def test_what_is_too_long_is_not_cut_short() -> None:
    one, other = Channel.pair()
    with pytest.raises(ValueError, match="too long"):
        one.send({"text": "x" * MAX_BYTES})
    with pytest.raises(ValueError, match="too long"):
        one.send({}, [0] * 65)
    one.close()
    other.close()


def test_a_process_takes_its_place_and_offers_a_link() -> None:
    ours, theirs = Channel.pair()
    listening = socket.create_server(("127.0.0.1", 0))
    begin = {
        "say": "begin",
        "role": "plane",
        "generation": 3,
        "settings": {"silence_s": 30},
        "sockets": ["http"],
    }
    ours.send(begin, [listening.fileno()])
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _CHILD],
        stdout=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
        env={**os.environ, CHANNEL: str(theirs.fileno())},
    ) as process:
        theirs.close()
        offered = ours.receive()
        assert offered is not None
        message, (descriptor,) = offered
        assert message == {"say": "offer", "link": "switch"}
        os.write(descriptor, b"hello")
        os.close(descriptor)
        ready = ours.receive()
        assert ready is not None
        assert ready[0] == {
            "say": "ready",
            "settings": {"silence_s": 30},
            "generation": 3,
            "sockets": {"http": list(listening.getsockname())},
        }
        assert process.stdout is not None
        assert process.stdout.readline() == b"hello\n"
        assert ours.receive() is None
    assert process.returncode == 0
    ours.close()
    listening.close()


def test_a_part_of_the_server_says_so_when_it_is_started_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CHILD],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != CHANNEL},
        check=False,
    )
    assert "run 'onhook serve'" in done.stderr
