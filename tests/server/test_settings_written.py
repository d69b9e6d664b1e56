"""Settings are read once, by the command, and handed to the processes of the server."""

import json
from pathlib import Path

import pytest

from onhook.server.settings import Settings, load
from onhook.server.settings_handed import ADDED, Secret, restored

_GIVEN = {
    "http": "[::1]:8081",
    "cors_origins": "https://shop.example.com,*",
    "sip": "udp:0.0.0.0:5060,tls:[::]:5061,127.0.0.1:0",
    "sip_cert": "cert.pem",
    "rtp_ports": "30000-30999",
    "database_url": "postgresql://me:secret@db/onhook",
    "allowed_networks": "10.0.0.0/8,fd00::/8",
    "trusted_peers": "",
    "public_address": "[2001:db8::7]:5070,198.51.100.7",
    "stun_server": "stun.example.net",
    "dns_servers": "192.0.2.53,[2001:db8::53]:5353",
    "country": "SG",
    "rate": "0.0125",
    "reject_code": "480",
    "record_beep": "no",
    "retry_schedule": "1,2.5,60",
    "log_private": "yes",
}
_AT_FIRST = """
allowed_networks ca_file config cors_origins country currency data database_url dns_servers
drain_s hang_s http idle_s invites_per_s keep_audio_s lease_s local_networks log_private
max_calls otlp_endpoint prepare_s prompt_cache_mb public_address public_url rate rate_limit
record_beep recordings_kept_s reject_code retry_schedule ringing_s rtp_latching rtp_ports
session_s session_timer_s settle_ms shed_lag_ms silence_s sip sip_cert sip_key speech_idle_s
srtp stale_s status_rate_limit stun_server trace_days trace_mb trace_private trusted_peers
trusted_proxies voices_dir worker
"""
"""What supervisors have handed on ever since programs could be replaced beneath them."""


@pytest.mark.parametrize("given", [{}, _GIVEN, {"public_address": "auto:5070"}])
def test_another_process_has_the_same_settings(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load(**given)
    monkeypatch.setenv("ONHOOK_RINGING_S", "7")
    monkeypatch.setenv("ONHOOK_CONFIG", str(tmp_path / "is not there any more.toml"))
    found = restored(json.loads(json.dumps(settings.written())))
    assert isinstance(found.database_url, Secret)
    for name in Settings.model_fields:
        mine, theirs = getattr(found, name), getattr(settings, name)
        if name == "database_url":
            mine, theirs = mine.get_secret_value(), theirs.get_secret_value()
        assert mine == theirs, name
        if name != "database_url":
            assert type(mine) is type(theirs), name
    with pytest.raises(AttributeError):
        found.worker = "other"
    assert "secret" not in repr(found.database_url)


def test_no_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "onhook.toml"
    file.write_text("idle_s = 5")
    settings = load(config=str(file))
    file.write_text("idle_s = nonsense")
    assert restored(settings.written()).idle_s == 5


def test_a_supervisor_of_a_version_before_lacks_what_was_added_since() -> None:
    """Its switch of now starts all the same, with the defaults of those."""
    written, before = load().written(), _AT_FIRST.split()
    assert written.keys() == {*before, *ADDED}, "what is new belongs into ADDED"
    found = restored({name: written[name] for name in before})
    for name in ADDED:
        mine, theirs = getattr(found, name), getattr(load(), name)
        assert (mine, type(mine)) == (theirs, type(theirs)), name
