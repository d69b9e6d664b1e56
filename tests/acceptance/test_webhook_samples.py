"""The samples of docs/webhooks.md check what a real server sends, in each language that they are written in.

What needs Node.js, PHP, Go, Java, Ruby or npm's packages is for ``make slow``, which installs them.
"""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from acceptance.harness import Callee, Customer
from acceptance.test_operator_commands import command
from onhook.testing.receiver import Notification

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "webhooks.md"
TOOLS = ROOT / "build" / "clients"
TAG = "blank + plus & Grüße=你好"
FORMATS = ("form", "json")


def blocks(language: str) -> list[str]:
    """The samples of the page in this language, in order: with a library, if there is one, and without."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Case:
    """One request, and the keys that it is checked with."""

    headers: Mapping[str, str]
    body: bytes
    access_token: str
    webhook_secret: str

    def parts(self) -> str:
        """As the one reads it that has no JSON."""
        named = [part for header in self.headers.items() for part in header]
        texts = [self.access_token.encode(), self.webhook_secret.encode(), self.body]
        return " ".join(
            base64.b64encode(text).decode() for text in [*texts, *(one.encode() for one in named)]
        )

    def text(self) -> str:
        """As the other programs below read it."""
        body = base64.b64encode(self.body).decode()
        return json.dumps({**self.__dict__, "headers": dict(self.headers), "body": body})


async def told(customer: Customer, form: str) -> Notification:
    """The terminal notification of a call to a number with this format."""
    await command(customer.server, "number", "update", customer.number, "--format", form)
    await asyncio.sleep(1.1)  # a running server believes what it knows for a second
    call, ringing = await customer.call()
    url = customer.receiver.url("/end?shop=1")
    await customer.hangup(ringing["session"], tag=TAG, notify_url=url)
    await call.ended()
    return await customer.receiver.next(session=ringing["session"], call_state="ended")


def cases(customer: Customer, one: Notification) -> list[Case]:
    """As it came; with another body; of yesterday; with the keys of somebody else."""
    good = Case(one.headers, one.body, customer.access_token, customer.webhook_secret)
    old = {**one.headers, "webhook-timestamp": str(int(one.headers["webhook-timestamp"]) - 86_400)}
    other_secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    return [
        good,
        replace(good, body=one.body.replace(b"ended", b"ENDED")),
        replace(good, headers=old),
        replace(good, access_token="x" * 16, webhook_secret=other_secret),
    ]


PYTHON = """
import base64, json, sys
for line in sys.stdin:
    case = json.loads(line)
    headers, body = case["headers"], base64.b64decode(case["body"])
    print(json.dumps([
        signed_with_token(headers, body, case["access_token"]),
        signed_with_secret(headers, body, case["webhook_secret"]),
        fields_of(headers, body),
    ]))
"""

NODE = """
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf8").trim().split("\\n")) {
  const { headers, body: encoded, access_token, webhook_secret } = JSON.parse(line);
  const body = Buffer.from(encoded, "base64");
  console.log(JSON.stringify([
    signedWithToken(headers, body, access_token),
    signedWithSecret(headers, body, webhook_secret),
    fieldsOf(headers, body),
  ]));
}
"""

PHP = """
while (($line = fgets(STDIN)) !== false) {
    $case = json_decode($line, true);
    [$headers, $body] = [$case['headers'], base64_decode($case['body'])];
    echo json_encode([
        signed_with_token($headers, $body, $case['access_token']),
        signed_with_secret($headers, $body, $case['webhook_secret']),
        fields_of($headers, $body),
    ]), "\\n";
}
"""

GO = """package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one struct {
			Headers       map[string]string
			Body          string
			AccessToken   string `json:"access_token"`
			WebhookSecret string `json:"webhook_secret"`
		}
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			panic(err)
		}
		body, _ := base64.StdEncoding.DecodeString(one.Body)
		fields, err := fieldsOf(one.Headers, body)
		if err != nil {
			panic(err)
		}
		token := signedWithToken(one.Headers, body, one.AccessToken)
		secret := signedWithSecret(one.Headers, body, one.WebhookSecret, 5*time.Minute)
		found, _ := json.Marshal([]any{token, secret, fields})
		fmt.Println(string(found))
	}
}
"""

JAVA = """
import java.util.StringJoiner;

class Check {
    private static String decoded(String text) {
        return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
    }

    private static String encoded(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return '"' + Base64.getEncoder().encodeToString(bytes) + '"';
    }

    public static void main(String[] arguments) throws Exception {
        for (String line : new String(System.in.readAllBytes()).strip().split("\\n")) {
            String[] parts = line.split(" ", -1);
            byte[] body = Base64.getDecoder().decode(parts[2]);
            Map<String, String> headers = new LinkedHashMap<>();
            for (int at = 3; at < parts.length; at += 2) {
                headers.put(decoded(parts[at]), decoded(parts[at + 1]));
            }
            boolean token = Notifications.signedWithToken(headers, body, decoded(parts[0]));
            boolean secret = Notifications.signedWithSecret(headers, body, decoded(parts[1]), 300);
            StringJoiner fields = new StringJoiner(",");
            if (headers.get("content-type").startsWith("application/x-www-form-urlencoded")) {
                Notifications.fieldsOf(body).forEach((name, value) ->
                    fields.add(encoded(name) + ":" + encoded(value)));
            }
            System.out.println("[" + token + "," + secret + ",{" + fields + "}]");
        }
    }
}
"""
"""Reads no JSON: of each case the parts, with blanks between them, all of them in base64; so its fields."""

RUBY = """
STDIN.each_line do |line|
  one = JSON.parse(line)
  headers, body = one["headers"], Base64.decode64(one["body"]).force_encoding("UTF-8")
  puts JSON.generate([
    signed_with_token(headers, body, one["access_token"]),
    signed_with_secret(headers, body, one["webhook_secret"]),
    fields_of(headers, body),
  ])
end
"""

NODE_LIBRARY = """
import { readFileSync } from "node:fs";
for (const line of readFileSync(0, "utf8").trim().split("\\n")) {
  const { headers, body, webhook_secret } = JSON.parse(line);
  try {
    console.log(JSON.stringify(fieldsOf(headers, Buffer.from(body, "base64").toString(), webhook_secret)));
  } catch (error) {
    console.log(JSON.stringify(error.constructor.name));
  }
}
"""


def run(
    program: Path,
    asked: list[Case],
    *interpreter: str,
    written: Callable[[Case], str] = Case.text,
) -> list[object]:
    """What a program prints of each case."""
    path = f"{os.environ['PATH']}:{TOOLS / 'venv' / 'bin'}"  # Node.js of Debian, or of the tools
    ended = subprocess.run(
        [*interpreter, str(program)],
        input="".join(written(case) + "\n" for case in asked).encode(),
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "PATH": path},
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return [json.loads(line) for line in ended.stdout.splitlines()]


def assert_checked(found: list[object], one: Notification) -> None:
    """Only what came as it was sent, in time and with these keys, is signed by both."""
    assert [result[:2] for result in found if isinstance(result, list)] == [
        [True, True],
        [False, False],
        [True, False],
        [False, False],
    ]
    assert isinstance(found[0], list)
    assert found[0][2] == one.fields


async def test_a_number_is_told_in_json(customer: Customer) -> None:
    """The same fields, all of them texts, and the URL as it was given."""
    form, as_json = [await told(customer, form) for form in FORMATS]
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert as_json.headers["content-type"] == "application/json"
    assert as_json.raw_query == "shop=1"
    fields = json.loads(as_json.body)
    assert set(form.form) - set(fields) == {"shop"}
    assert set(fields) < set(form.form)
    assert all(isinstance(value, str) for value in fields.values())
    same = [name for name in fields if name not in ("session", "txn_ref", "date")]
    assert {name: fields[name] for name in same} == {name: form[name] for name in same}
    assert fields["tag"] == TAG


async def test_an_application_is_told_in_json_also_of_calls_that_it_makes(
    customer: Customer, callee: Callee
) -> None:
    await command(customer.server, "app", "update", customer.app_id, "--format", "json")
    await asyncio.sleep(1.1)
    call, ringing = await customer.call()
    assert json.loads(ringing.body)["ivr_block"] == "answer"
    await call.cancel()
    number = callee.another()
    dialled = await customer.post(
        "ivr/start/dial", dest=number, notify_url=customer.receiver.url("/dial")
    )
    assert dialled["status"] == "success_ok", dialled
    (await callee.phone.incoming(called=number)).reject(486)
    last = await customer.receiver.next(session=dialled["session"])
    assert (json.loads(last.body)["ivr_block"], last.raw_query) == ("dial", "")


@pytest.mark.parametrize("form", FORMATS)
async def test_the_sample_in_python(customer: Customer, tmp_path: Path, form: str) -> None:
    one = await told(customer, form)
    program = tmp_path / "sample.py"
    program.write_text(blocks("python")[1] + PYTHON)
    assert_checked(run(program, cases(customer, one), sys.executable), one)


async def test_the_library_in_python(customer: Customer) -> None:
    one = await told(customer, "json")
    sample: dict[str, object] = {}
    exec(blocks("python")[0], sample)  # it is our own page
    fields_of = sample["fields_of"]
    assert callable(fields_of)
    good, *bad = cases(customer, one)
    assert fields_of(good.headers, good.body, good.webhook_secret) == one.fields
    for case in bad:
        with pytest.raises(Exception, match=r"signature|timestamp"):
            fields_of(case.headers, case.body, case.webhook_secret)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
async def test_the_sample_in_node(customer: Customer, tmp_path: Path, form: str) -> None:
    one = await told(customer, form)
    program = tmp_path / "sample.mjs"
    program.write_text(blocks("js")[1] + NODE)
    assert_checked(run(program, cases(customer, one), "node"), one)


@pytest.mark.slow
async def test_the_library_in_node(customer: Customer, tmp_path: Path) -> None:
    one = await told(customer, "json")
    (tmp_path / "node_modules").symlink_to(TOOLS / "node_modules")
    program = tmp_path / "sample.mjs"
    program.write_text(blocks("js")[0] + NODE_LIBRARY)
    found = run(program, cases(customer, one), "node")
    assert found == [one.fields, *["WebhookVerificationError"] * 3]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
async def test_the_sample_in_php(customer: Customer, tmp_path: Path, form: str) -> None:
    one = await told(customer, form)
    program = tmp_path / "sample.php"
    program.write_text(blocks("php")[0] + PHP)
    assert_checked(run(program, cases(customer, one), "php"), one)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
async def test_the_sample_in_go(
    customer: Customer, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOCACHE", str(tmp_path / "cache"))
    one = await told(customer, form)
    (tmp_path / "sample.go").write_text(blocks("go")[0])
    program = tmp_path / "main.go"
    program.write_text(GO)
    found = run(program, cases(customer, one), "go", "run", str(tmp_path / "sample.go"))
    assert_checked(found, one)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
async def test_the_sample_in_java(customer: Customer, tmp_path: Path, form: str) -> None:
    one = await told(customer, form)
    program = tmp_path / "Check.java"
    imports, _, classes = blocks("java")[0].partition("\n\n")
    program.write_text(f"{imports}\n{JAVA}\n{classes}")
    found = run(program, cases(customer, one), "java", written=Case.parts)
    if form == "json":
        assert found == [
            [True, True, {}],
            [False, False, {}],
            [True, False, {}],
            [False, False, {}],
        ]
    else:
        assert_checked([decoded(each) for each in found], one)


def decoded(result: object) -> object:
    """What Java found, with names and values of fields as they were."""
    assert isinstance(result, list)
    fields = {
        base64.b64decode(k).decode(): base64.b64decode(v).decode() for k, v in result[2].items()
    }
    return [*result[:2], fields]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
async def test_the_sample_in_ruby(customer: Customer, tmp_path: Path, form: str) -> None:
    one = await told(customer, form)
    program = tmp_path / "sample.rb"
    program.write_text(blocks("ruby")[0] + RUBY)
    assert_checked(run(program, cases(customer, one), "ruby"), one)
