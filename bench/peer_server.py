"""Onhook as one of the engines of a driver that knows engines by adapters (`peer_adapter.py`).

    python bench/peer_server.py start|stop|restart FILE

starts a server on the addresses of the driver, and writes to FILE (JSON) what the adapter has to know:
addresses, credentials, the process id. Addresses come from SIP_IP, SIP_PORT, HTTP_PORT and APP_PORT in
the environment; loopback only. Numbers are told to APP_PORT (application "bench") and to the next
port (application "probe"), where the adapter listens.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.rig import Account, BenchError, Server, raise_file_limit

NUMBERS = {
    "app-play1": "+6531000011",
    "app-play5": "+6531000012",
    "app-hold": "+6531000013",
    "probe-x": "+6531000014",
}
"""The numbers behind the names by which the driver calls."""

_END_S = 10.0


def start(file: Path) -> None:
    """Starts a server with an empty data directory beside FILE."""
    host = os.environ.get("SIP_IP", "127.0.0.1")
    if not host.startswith("127."):
        raise BenchError("loopback only")
    app_port = int(os.environ.get("APP_PORT", "18090"))
    data = file.with_suffix(".data")
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    raise_file_limit()
    server = Server(
        data,
        {
            "ONHOOK_SIP": f"{host}:{os.environ.get('SIP_PORT', '15060')}",
            "ONHOOK_HTTP": f"{host}:{os.environ.get('HTTP_PORT', '18080')}",
            "ONHOOK_RTP_PORTS": "20000-31999",
        },
    )
    account = Account.make(data)
    for name, number in NUMBERS.items():
        port = app_port + name.startswith("probe")
        account.add_number(number, f"http://{host}:{port}/{name}")
    told = {
        "pid": server.pid,
        "sip": server.sip,
        "http": server.http,
        "app_port": app_port,
        "app_id": account.app_id,
        "access_token": account.access_token,
        "numbers": NUMBERS,
        "restart": [sys.executable, str(Path(__file__).resolve()), "restart", str(file)],
    }
    file.write_text(json.dumps(told))
    file.chmod(0o600)


def stop(file: Path) -> None:
    """Ends the server of FILE by its id; calls that are left are not waited for."""
    if not file.exists():
        return
    pid = int(json.loads(file.read_text())["pid"])
    deadline_s = time.monotonic() + _END_S
    try:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGTERM)  # the second does not wait for calls that play
        while time.monotonic() < deadline_s:
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    file.unlink()
    shutil.rmtree(file.with_suffix(".data"), ignore_errors=True)


def main() -> None:
    """Does what the command line says."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("start", "stop", "restart"):
        sys.exit(__doc__)
    file = Path(sys.argv[2]).resolve()
    if sys.argv[1] != "start":
        stop(file)
    if sys.argv[1] != "stop":
        start(file)


if __name__ == "__main__":
    main()
