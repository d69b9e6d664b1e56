"""A call at whose event the switch crashes, each time anew: it is ended alone, and the others go on."""

import json
from pathlib import Path

from acceptance.asking import OK, heard
from acceptance.files import LONG, FileServer
from acceptance.harness import Customer, Onhook
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

# Python runs it in each process of the server, before anything of ours. In those that run calls, whoever
# presses 9 ends the process.
CRASHING = """
import os, signal, sys
if "switch_process" in sys.orig_argv[-1] or "spare_process" in sys.orig_argv[-1]:
    from onhook import call
    step = call.step
    def crashing(now, event):
        if isinstance(event, call.Digit) and event.digit == "9":
            os.kill(os.getpid(), signal.SIGSEGV)
        return step(now, event)
    call.step = crashing
"""


async def test_it_is_ended_alone(
    tmp_path: Path, receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CRASHING)
    server = Onhook({"retry_schedule": "0.2"}, environment={"PYTHONPATH": str(tmp_path)})
    try:
        customer = await Customer.make(server, receiver, phone)
        good, told_good = await customer.call()
        bad, told_bad = await customer.call()
        msg = f"<url>{files.serve('long.wav', LONG)}</url>"
        await customer.block("middle/play", told_good["session"], msg=msg)
        await heard(good, 20)
        await customer.block("middle/gather", told_bad["session"], max_digits="3")
        await bad.answered()
        await bad.send_digits("19")
        assert (await bad.ended(timeout_s=60)).how is How.BYE_RECEIVED
        last = await receiver.next(session=told_bad["session"], call_state="ended", timeout_s=60)
        assert last["cause"] == "crash"
        reply = await customer.hangup(
            told_good["session"], force="enabled", notify_url=receiver.url("/end")
        )
        assert reply == OK
        assert (await good.ended(timeout_s=60)).how is How.BYE_RECEIVED
        last = await receiver.next(session=told_good["session"], call_state="ended", timeout_s=60)
        assert last["cause"] == "forced_hangup"
    finally:
        server.close()
    logged = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    died = [line["signal"] for line in logged if line["event"] == "process_died"]
    assert died == ["SIGSEGV", "SIGSEGV"]
    [poisonous] = [line for line in logged if line["event"] == "call_poisonous"]
    assert (poisonous["session"], poisonous["doing"]) == (told_bad["session"], "Digit")
