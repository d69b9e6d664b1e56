"""`onhook simulate`, as somebody types it, and as a script does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onhook.cli.main import app
from ports import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"


def simulated(name: str, typed: str, *options: str, **environment: str) -> list[str]:
    """What is printed of a call to a sample application, when this is typed."""
    url = f"http://127.0.0.1:{free_port()}/"
    shared = {
        "ONHOOK_API": f"http://127.0.0.1:{free_port()}",
        "APP_ID": "shop",
        "ACCESS_TOKEN": "secret",
        "MY_URL": url,
        **environment,
    }
    variables = {**os.environ, **shared}
    sample = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name)], env=variables, stdout=subprocess.DEVNULL
    )
    try:
        run = subprocess.run(
            [sys.executable, "-m", "onhook", "simulate", url, *options],
            env=variables,
            input=typed,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    finally:
        sample.kill()
        sample.wait()
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_keys_are_pressed_and_what_is_heard_is_printed() -> None:
    said = simulated("auto_attendant.py", "2\n7\n", OFFICE="+6561112222")
    heard = [line.partition("hears ")[2] for line in said if "hears" in line]
    assert heard == [
        '"Welcome. Press 1 for the office, or 2 for our opening hours."',
        '"We are open on weekdays from nine to six, and on Saturdays until noon."',
        '"Press 1 for the office, or 2 for our opening hours."',
        '"Sorry, that is not on the menu. Good bye."',
    ]
    assert said[-1].endswith("SGD 0.020")


def test_h_hangs_up() -> None:
    said = simulated("voicemail.py", "s This is Ann.\nh\n")
    assert any(line.endswith('says "This is Ann."') for line in said)
    assert said[-2].endswith("hangs up")


def test_a_busy_number_and_all_that_the_application_does() -> None:
    said = simulated(
        "auto_attendant.py", "1\n", "--busy", "+6561112222", "--all", OFFICE="+6561112222"
    )
    assert any("is told of transfer" in line for line in said)
    assert any('hears "Nobody can take your call now.' in line for line in said)


def test_what_is_no_url_is_said_in_one_sentence() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "onhook", "simulate", "shop"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert (
        run.stderr == "onhook: shop is no URL of an application, such as http://127.0.0.1:9000/.\n"
    )


@pytest.mark.parametrize(
    "api", ["https://voice.example.com", "127.0.0.1:8080", "http://127.0.0.1:99999"]
)
def test_an_api_that_is_elsewhere_is_said_in_one_sentence(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the application asks would never come here."""
    monkeypatch.setenv("ONHOOK_API", api)
    run = CliRunner().invoke(app, ["simulate", "http://127.0.0.1:9000/"])
    assert run.exit_code == 1
    assert run.stderr.startswith(f"onhook: ONHOOK_API is {api}, where no simulator can be")
    assert len(run.stderr.splitlines()) == 1
