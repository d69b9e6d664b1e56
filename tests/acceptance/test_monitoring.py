"""What those have who watch servers with Prometheus, Grafana and OpenTelemetry."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from acceptance.collector import Collector, Received
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook, lay_trunk
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver, Reply

GRAFANA: Final = Path(__file__).parents[2] / "deploy" / "grafana"
_VARIABLES: Final = {"$__rate_interval": "5m", "$instance": ".*"}
_PROMETHEUS_OWN: Final = {"up"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as one:
        yield one


@pytest.fixture
def server(shared: Callable[..., Onhook], collector: Collector) -> Onhook:
    return shared(otlp_endpoint=collector.url, retry_schedule="0.2")


async def metrics(server: Onhook) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as reply:
        return await reply.text()


def samples(text: str) -> dict[str, list[dict[str, str]]]:
    """By the name of each sample that there is or can be: the labels of those that there are."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
        for end in ends.get(family.type, [""]):
            found.setdefault(family.name + end, [])
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def dashboard() -> dict[str, Any]:
    return dict(json.loads((GRAFANA / "onhook-dashboard.json").read_text()))


def dashboard_expressions() -> list[str]:
    found = [
        target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])
    ]
    for variable, value in _VARIABLES.items():
        found = [one.replace(variable, value) for one in found]
    return found


def rules() -> list[Mapping[str, Any]]:
    read = yaml.safe_load((GRAFANA / "onhook-alerts.yml").read_text())
    assert set(read) == {"groups"}
    return [rule for group in read["groups"] for rule in group["rules"]]


def selectors(expression: str) -> list[Any]:
    found: list[Any] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    assert found, expression
    return found


async def test_dashboard_and_rules_ask_for_what_the_server_tells(
    server: Onhook, receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(server, receiver, phone)
    await asyncio.to_thread(lay_trunk, server)
    call, told = await customer.call()
    await customer.hangup(told["session"], notify_url=receiver.url("/end"))
    await call.ended()
    await receiver.next(session=told["session"], call_state="ended")
    offered = samples(await metrics(server))
    asked = set()
    for expression in [*dashboard_expressions(), *(rule["expr"] for rule in rules())]:
        for one in selectors(expression):
            asked.add(one.name)
            assert one.name in offered or one.name in _PROMETHEUS_OWN, one.name
            known = offered.get(one.name) or [{}]
            for matcher in one.matchers.matchers:
                if known[0] and matcher.name != "instance":
                    assert matcher.name in known[0], (one.name, matcher.name)
    offered = {one: labels for one, labels in offered.items() if not one.endswith("_created")}
    ours = {re.sub("_(bucket|sum|count)$", "", one) for one in offered}
    ours = {one for one in ours if one.startswith("onhook_")}
    missing = ours - {re.sub("_bucket$", "", one) for one in asked}
    assert missing == {"onhook_trunk_last_answer_seconds"}, "no panel shows them"


async def test_the_page_of_metrics_says_what_healthz_says(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    (server.data / "secret.key").rename(server.data / "elsewhere")
    text = await metrics(server)
    assert 'onhook_degraded{part="data"} 1.0' in text
    assert 'onhook_degraded{part="database"} 0.0' in text
    assert "onhook_spans" not in text, "only those who want spans have them"


def test_rules_are_whole() -> None:
    names = [str(rule["alert"]) for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch("[0-9]+[mh]", rule.get("for", "1m"))
        promql_parser.parse(rule["expr"])


def test_the_dashboard_can_be_imported() -> None:
    read = dashboard()
    assert read["schemaVersion"] >= 36
    ids = [panel["id"] for panel in read["panels"]]
    assert len(ids) == len(set(ids))
    places: set[tuple[int, int]] = set()
    for panel in read["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        covered = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not covered & places, panel["title"]
        places |= covered


def of_call(spans: list[Received], session: str) -> list[Received]:
    """The spans of a call; none before that of the call itself has come."""
    whole = [one for one in spans if one.attributes.get("onhook.session") == session]
    return [one for one in spans if whole and one.trace_id == whole[0].trace_id]


async def test_a_call_is_a_span_with_blocks_requests_legs_and_notifications(
    server: Onhook, receiver: Receiver, phone: Phone, files: FileServer, collector: Collector
) -> None:
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    session = told["session"]
    await customer.post("ivr/middle/play", session=session, msg="<speech")
    receiver.reply_with(Reply(status=500))
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", session, msg=msg)
    await receiver.next(session=session, ivr_block="play")
    await call.send_digits("7")
    await customer.hangup(session, notify_url=receiver.url("/end"))
    await call.ended()
    await receiver.next(session=session, call_state="ended")

    parts = {"block answer", "block play", "block hangup", "request play", "request hangup", "leg in",
             "notify answer", "notify play", "notify hangup"}  # fmt: skip

    def whole(spans: list[Received]) -> bool:
        return {*parts, "call in"} <= {one.name for one in of_call(spans, session)}

    spans = of_call(await asyncio.to_thread(collector.wait, whole), session)
    [of_all] = [one for one in spans if not one.parent_id]
    assert of_all.name == "call in"
    assert of_all.attributes["onhook.ended_by"] == "application"
    assert of_all.attributes["onhook.answered"] is True
    children = [one for one in spans if one is not of_all]
    assert all(one.parent_id == of_all.span_id for one in children)
    assert all(one.begin_ns <= one.end_ns for one in spans)
    names = [one.name for one in children]
    requests = [one for one in children if one.name == "request play"]
    statuses = {one.attributes["onhook.status"]: one.failed for one in requests}
    assert statuses == {"error_msg_invalid_xml": True, "success_ok": False}
    tries = [one for one in children if one.name == "notify play"]
    assert tries[0].attributes["http.response.status_code"] == 500
    assert tries[0].failed
    said = json.dumps([one.attributes for one in spans]) + json.dumps(names)
    for private in (customer.number[1:], phone.number[1:], "beep.wav", receiver.url("")):
        assert private not in said
    assert collector.resources[0]["service.name"] == "onhook"


async def test_a_call_that_another_switch_goes_on_with_is_one_trace(
    server: Onhook, receiver: Receiver, phone: Phone, collector: Collector
) -> None:
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    session = told["session"]
    await customer.block("middle/gather", session, msg="one moment please", timeout="60")
    await call.answered()
    await server.kill_role("switch")
    await call.hang_up()
    await receiver.next(session=session, call_state="ended")
    spans = await asyncio.to_thread(
        collector.wait, lambda found: "notify gather" in {x.name for x in of_call(found, session)}
    )
    assert len([one for one in of_call(spans, session) if one.name == "call in"]) == 1


async def test_a_collector_that_is_away_costs_calls_nothing_and_gets_the_rest(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    with Collector(status=400) as collector:
        server = start(otlp_endpoint=f"{collector.url}/v1/traces")
        customer = await Customer.make(server, receiver, phone)

        async def one_call() -> str:
            call, told = await customer.call()
            await customer.hangup(told["session"], notify_url=receiver.url("/end"))
            await call.ended()
            await receiver.next(session=told["session"], call_state="ended")
            return told["session"]

        await one_call()
        async with asyncio.timeout(60):
            while "spans_not_sent" not in server.log:
                await asyncio.sleep(0.1)
            while 'onhook_spans_total{outcome="refused"} 0.0' in await metrics(server):
                await asyncio.sleep(0.1)
        collector.status = 200
        session = await one_call()
        await asyncio.to_thread(collector.wait, lambda found: bool(of_call(found, session)))
        async with asyncio.timeout(60):
            while 'onhook_spans_total{outcome="sent"} 0.0' in await metrics(server):
                await asyncio.sleep(0.1)
