"""deploy/compose.yaml: its variables are settings, and what it names is there."""

from typing import Any

import pytest
import yaml

from deploy.containerfile import DEPLOY, last_stage
from onhook.server.settings import Settings, load
from onhook.server.settings_names import PREFIX
from onhook.server.supervisor import supervisor


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


@pytest.fixture
def onhook(compose: dict[str, Any]) -> dict[str, Any]:
    service: dict[str, Any] = compose["services"]["onhook"]
    return service


def test_its_variables_are_settings_that_can_be_used(onhook: dict[str, Any]) -> None:
    given = {name.removeprefix(PREFIX).lower(): value
             for name, value in onhook["environment"].items() if name.startswith(PREFIX)}  # fmt: skip
    assert given.pop("config") == "/etc/onhook.toml"
    settings = load(**given)
    assert settings.database_url.get_secret_value().endswith("?host=/run/postgresql")


def test_every_volume_and_secret_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        sources = {each.split(":")[0] for each in service["volumes"]}
        files = {source for source in sources if source.startswith(".")}
        assert all((DEPLOY / file).is_file() for file in files)
        assert sources - files <= set(compose["volumes"])
        assert set(service["secrets"]) <= set(compose["secrets"])
    assert all("/secrets/" in each["file"] for each in compose["secrets"].values())


def test_the_data_is_where_the_image_has_it(onhook: dict[str, Any]) -> None:
    [volume] = [each.rest for each in last_stage() if each.name == "VOLUME"]
    assert f"onhook-data:{volume}" in onhook["volumes"]


def test_it_is_stopped_no_sooner_than_an_orderly_end_may_take(onhook: dict[str, Any]) -> None:
    drain_s = Settings.model_fields["drain_s"].default
    longest_s = drain_s + supervisor._SWITCH_LAST_S + supervisor._LAST_S
    assert float(onhook["stop_grace_period"].removesuffix("s")) > longest_s


def test_nothing_can_be_written_but_its_data(onhook: dict[str, Any]) -> None:
    assert onhook["read_only"] is True
    assert onhook["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in onhook["security_opt"]


def test_its_health_check_is_that_of_the_image(onhook: dict[str, Any]) -> None:
    [image] = [each.rest for each in last_stage() if each.name == "HEALTHCHECK"]
    assert "CMD" in image
    assert f'"{onhook["healthcheck"]["test"][1]}"' in image
    for option in ("interval", "timeout", "start_period", "retries"):
        assert f"--{option.replace('_', '-')}={onhook['healthcheck'][option]} " in image
