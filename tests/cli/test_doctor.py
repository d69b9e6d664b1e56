"""Each check of the doctor, seen failing."""

import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from onhook.cli.doctor import (
    addresses,
    certificates,
    checks,
    clocks,
    disk,
    limits,
    names,
    ports,
    registrations,
    self_call,
    voices,
    ways_out,
)
from onhook.cli.doctor.finding import Finding, Installation, KnownTrunk
from onhook.cli.doctor.listening import Listening, listeners
from onhook.phone import Trunk
from onhook.phone.nat.public_address import OutsideView, public_addresses
from onhook.server import told_options
from onhook.server.occupancy import occupied
from onhook.server.settings import load
from onhook.store import TrunkRecord
from onhook.store.trunk_states import TrunkState
from ports import free_port, free_ports

LATER_MS = 10**14


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    audio = free_ports(10)
    return Installation(
        load(
            sip=f"127.0.0.1:{free_port()}",
            http=f"127.0.0.1:{free_port()}",
            rtp_ports=f"{audio.start}-{audio.stop - 1}",
            data=tmp_path,
        ),
        running=False,
    )


def with_settings(here: Installation, **changed: object) -> Installation:
    return replace(here, settings=here.settings.model_copy(update=changed))


def with_sip(here: Installation, sip: str) -> Installation:
    return with_settings(here, sip=load(sip=sip).sip)


def sip_port(here: Installation) -> int:
    return listeners(here.settings)[0].port


def with_trunk(
    here: Installation, *, host: str = "9.9.9.9", port: int = 5060, **more: object
) -> Installation:
    record = TrunkRecord("carrier", host, port, 1, **more)  # type: ignore[arg-type]
    state = TrunkState("carrier", "main", up=True, registered_until_ms=LATER_MS)
    known = KnownTrunk(record, state, Trunk(host, port, name="carrier"))
    return replace(here, trunks=(known,), asks=frozenset({"carrier"}))


def with_state(here: Installation, state: TrunkState | None) -> Installation:
    wanting = with_trunk(here, register=True)
    return replace(wanting, running=True, trunks=(replace(wanting.trunks[0], state=state),))


def wrong(found: Iterator[Finding]) -> str:
    """The details of what is not as it should be."""
    return "\n".join(one.detail for one in found if not one.ok)


async def wrong_later(found: AsyncIterator[Finding]) -> str:
    return "\n".join([one.detail async for one in found if not one.ok])


@contextmanager
def taken(kind: int, port: int) -> Iterator[None]:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            sock.listen(1)
        yield


# Ports


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_another_program_has(here: Installation, kind: int) -> None:
    assert not wrong(ports.sip(here))
    with taken(kind, sip_port(here)):
        assert "another program" in wrong(ports.sip(here))
        assert not wrong(ports.sip(replace(here, running=True))).count("\n")


def test_an_address_that_is_not_of_this_machine(here: Installation) -> None:
    elsewhere = with_sip(here, "192.0.2.1:5060")
    assert "no address of this machine" in wrong(ports.sip(elsewhere))


def test_a_server_with_other_settings(here: Installation) -> None:
    running = replace(here, running=True)
    assert "settings" in wrong(ports.sip(running))
    assert "does not answer" in wrong(ports.http(running))


def test_the_port_of_the_api(here: Installation) -> None:
    assert not wrong(ports.http(here))
    with taken(socket.SOCK_STREAM, here.settings.http[1]):
        assert "another program" in wrong(ports.http(here))


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_a_server_that_is_not_well(here: Installation, status: int, well: bool) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"the database does not answer")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(here.settings.http, Answers)
    thread = Thread(target=server.handle_request)
    thread.start()
    found = wrong(ports.http(replace(here, running=True)))
    thread.join()
    server.server_close()
    assert bool(found) is not well
    assert well or "the database does not answer" in found


def test_no_port_for_audio(here: Installation) -> None:
    first, _ = here.settings.rtp_ports
    small = with_settings(here, rtp_ports=(first, first + 1))
    assert not wrong(ports.audio(small))
    with taken(socket.SOCK_DGRAM, first):
        assert "another program" in wrong(ports.audio(small))


# Addresses and names


def test_ports_for_audio_that_the_server_itself_has(here: Installation) -> None:
    low, _ = here.settings.rtp_ports
    few = with_settings(here, rtp_ports=(low, low + 1))
    with taken(socket.SOCK_DGRAM, low):
        assert "another program has it" in wrong(ports.audio(few))
        (found,) = ports.audio(replace(few, running=True))
        assert found.ok
        assert "by calls of the server" in found.detail


async def test_the_options_of_the_server_that_runs_count(tmp_path: Path) -> None:
    """Written by one process, read by another that has other ones."""
    theirs = load(
        sip="udp:127.0.0.1:5070,tls:[::1]:5071", http="127.0.0.1:8085", rtp_ports="30000-30019",
        public_address="203.0.113.9:5080,2001:db8::5", dns_servers="192.0.2.53", country="SG",
        local_networks="10.0.0.0/8", stun_server="stun.example", sip_cert=tmp_path / "cert.pem",
        data=tmp_path, database_url="postgresql://u:secret@h/d",
    )  # fmt: skip
    ours = load(data=tmp_path, sip="127.0.0.1:5090", database_url="postgresql://u:secret@h/d")
    told_options.tell(theirs)
    assert "secret" not in (tmp_path / told_options.FILE).read_text()
    assert told_options.told(ours) == theirs
    with occupied(tmp_path):
        here = await checks.installation(load(data=tmp_path, sip="127.0.0.1:5090"))
        assert here.settings.sip == theirs.sip
        assert here.told
    here = await checks.installation(load(data=tmp_path, sip="127.0.0.1:5090"))
    assert not here.told  # nobody runs, so nobody has told this
    (tmp_path / told_options.FILE).write_text('{"sip": 5, "later": true}')
    assert told_options.told(ours) is None
    told_options.forget(tmp_path)
    assert told_options.told(ours) is None


def test_a_private_address_and_a_carrier(here: Installation) -> None:
    assert not wrong(addresses.addresses(here))
    assert not wrong(addresses.addresses(with_trunk(here, host="10.9.9.9")))
    assert "carrier needs" in wrong(addresses.addresses(with_trunk(here)))
    assert "carrier needs" in wrong(addresses.addresses(with_trunk(here, host="sip.example.com")))


def test_a_public_address(here: Installation) -> None:
    given = public_addresses("198.51.100.7:5070")
    public = replace(with_trunk(here), outside=OutsideView(given))
    assert addresses.told(public, 4) == "198.51.100.7"
    assert not wrong(addresses.addresses(public))
    unknown = with_settings(with_trunk(here), public_address=public_addresses("nowhere.invalid"))
    assert "leads to no address" in wrong(addresses.addresses(unknown))


async def test_a_name_that_nobody_knows(here: Installation) -> None:
    assert not await wrong_later(names.names(with_trunk(here)))
    assert not await wrong_later(names.names(with_trunk(here, host="localhost")))
    nowhere = with_trunk(here, host="nowhere.invalid")
    assert "no address" in await wrong_later(names.names(nowhere))


# Clocks, limits, the disk


def test_a_clock_that_is_behind(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not wrong(clocks.wall(here))
    assert "a call was recorded" in wrong(clocks.wall(replace(here, newest_ms=LATER_MS)))
    monkeypatch.setattr("onhook.cli.doctor.clocks.time.time", lambda: 86400.0)
    assert "was installed" in wrong(clocks.wall(here))


def test_a_boot_that_is_not_known(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "BOOT", tmp_path / "none")
    assert "mount /proc" in wrong(clocks.monotonic(here))


@pytest.mark.parametrize(
    ("files", "said"), [(100, "too few to start"), (1000, "148 calls"), (9000, "")]
)
def test_few_open_files(
    here: Installation, monkeypatch: pytest.MonkeyPatch, files: int, said: str
) -> None:
    monkeypatch.setattr(limits, "allow_files", lambda: files)
    found = wrong(limits.open_files(with_settings(here, rtp_ports=(20000, 29999))))
    assert said in found
    assert bool(found) is bool(said)


def test_an_address_space_that_is_limited(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**30, 2**30))
    assert "1024 MiB" in wrong(limits.memory(here))


def test_a_slow_disk_and_one_that_is_full(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "SLOW_MS", 0.0)
    assert "p99" in wrong(disk.flush(here))
    monkeypatch.setattr(disk, "_LEAST_ROOM_BYTES", 2**80)
    assert "make room" in wrong(disk.room(here))


def test_a_directory_that_is_not_there(here: Installation, tmp_path: Path) -> None:
    gone = with_settings(here, data=tmp_path / "none")
    assert "cannot be written to" in wrong(disk.flush(gone))
    assert "cannot be looked at" in wrong(disk.room(gone))


# Certificates and voices


def certificate(path: Path, begins_days: int, ends_days: int) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phone.example")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now + timedelta(days=begins_days))
        .not_valid_after(now + timedelta(days=ends_days)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("begins_days", "ends_days", "said"),
    [(-9, -1, "expired on"), (-9, 20, "expires on"), (1, 90, "not in force"), (-9, 90, "")],
)
def test_a_certificate_of_a_trunk(
    here: Installation, tmp_path: Path, begins_days: int, ends_days: int, said: str
) -> None:
    path = tmp_path / "cert.pem"
    certificate(path, begins_days, ends_days)
    found = wrong(certificates.certificates(with_trunk(here, client_cert=str(path))))
    assert said in found
    assert bool(found) is bool(said)


def test_a_file_that_holds_no_certificate(here: Installation, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    given = with_settings(here, ca_file=path)
    assert "cannot be read" in wrong(certificates.certificates(given))
    path.write_text("-----BEGIN NOTHING-----")
    assert "no certificate" in wrong(certificates.certificates(given))
    assert not wrong(certificates.certificates(here))


def test_voices_that_cannot_be_loaded(here: Installation, tmp_path: Path) -> None:
    assert "voices.md" in wrong(voices.voices(with_settings(here, voices_dir=tmp_path / "none")))


# Registrations


REFUSED = TrunkState("carrier", "main", up=False, failures=3, sip_code=403)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "not tried yet"),
        (TrunkState("carrier", "main"), "not tried yet"),
        (REFUSED, "refused with 403, 3 times in a row: look at --username"),
        (replace(REFUSED, hint="ask the carrier"), "ask the carrier"),
        (replace(REFUSED, up=True, registered_until_ms=1), "refused"),
        (replace(REFUSED, up=True, registered_until_ms=LATER_MS), ""),
    ],
)
def test_a_registration_that_is_not_there(
    here: Installation, state: TrunkState | None, said: str
) -> None:
    found = wrong(registrations.registrations(with_state(here, state)))
    assert said in found
    assert bool(found) is bool(said)


# Calls and trunks


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_call, "PATIENCE_S", 0.5)
    monkeypatch.setattr(ways_out, "PATIENCE_S", 0.5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as a busy machine takes."""
    monkeypatch.setattr(self_call, "PATIENCE_S", 60.0)
    monkeypatch.setattr(ports, "_PATIENCE_S", 60.0)


@pytest.mark.usefixtures("patient")
async def test_a_call_is_heard_both_ways(here: Installation) -> None:
    assert not await wrong_later(self_call.call(here))


@pytest.mark.usefixtures("patient")
async def test_a_call_by_ipv6(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    several = [Listening("tcp", "127.0.0.1", 1), Listening("udp", "::1", sip_port(here))]
    for module in (self_call, addresses):
        monkeypatch.setattr(module, "listeners", lambda _: several)
    found = [one async for one in self_call.call(here)]
    assert [(one.name, one.ok) for one in found] == [("call to itself IPv6", True)]


Tells = Callable[[str], None]


@pytest.fixture
def tells(monkeypatch: pytest.MonkeyPatch) -> Tells:
    """The address that peers are told is this one."""
    return lambda ip: monkeypatch.setattr(self_call, "told", lambda *_: ip)


@pytest.mark.usefixtures("impatient")
async def test_signalling_that_does_not_come_back(here: Installation, tells: Tells) -> None:
    tells("127.0.0.2")  # where nobody listens: so is a NAT that knows no way back inside
    found = await wrong_later(self_call.call(here))
    assert "no answer from 127.0.0.2" in found
    assert "hairpin" in found


@pytest.mark.usefixtures("impatient")
async def test_audio_that_does_not_come_back(here: Installation, tells: Tells) -> None:
    tells("127.0.0.2")
    port = sip_port(here)
    found = await wrong_later(self_call.call(replace(here, running=True)))
    assert f"does not answer by UDP: let UDP in on {port}" in found
    assert "no audio arrives at 127.0.0.2" in found


async def test_a_call_without_an_address_or_a_port(here: Installation, tells: Tells) -> None:
    with taken(socket.SOCK_DGRAM, sip_port(here)):
        assert "no call could be placed" in await wrong_later(self_call.call(here))
    tells("")
    assert "no address of ours" in await wrong_later(self_call.call(here))


@pytest.mark.usefixtures("impatient")
async def test_a_trunk_where_nobody_is(here: Installation) -> None:
    nobody = with_trunk(here, host="127.0.0.1", port=free_port())
    assert "No answer" in await wrong_later(ways_out.options(nobody))
    unusable = replace(nobody, trunks=(replace(nobody.trunks[0], usable=None, trouble="no key"),))
    assert "no key" in await wrong_later(ways_out.options(unusable))
    assert not await wrong_later(ways_out.options(replace(nobody, asks=frozenset())))


# All of them


async def test_a_check_that_fails_itself_is_a_finding(here: Installation) -> None:
    def breaks(here: Installation) -> Iterator[Finding]:
        yield Finding("first", True, "")
        raise RuntimeError("of glass")

    several = (breaks, checks.stored)
    found = [one async for one in checks.findings(here, several)]
    assert [(one.name, one.ok) for one in found] == [
        ("first", True),
        ("breaks", False),
        ("data", True),
    ]
    assert "of glass" in found[1].detail


async def test_data_that_cannot_be_read(tmp_path: Path) -> None:
    there = await checks.installation(load(data=tmp_path / "none"))
    assert not there.running
    assert "no data directory" in wrong(checks.stored(there))
