"""Clients that other people's generators make of ``/openapi.json`` hang up a real call.

``scripts/client_tools.sh`` installs the generators; ``make slow`` runs it.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from acceptance.asking import ask
from acceptance.harness import Customer
from onhook.testing.call_log import How

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build" / "clients"
BIN = TOOLS / "venv" / "bin"
CLIENTS = ROOT / "tests" / "clients"
Made = Sequence[str | Path]
"""The command that runs the client."""


async def _run(*command: str | Path, at: Path, **environment: str) -> str:
    """What a command printed; it has to succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=at,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


async def _by_generator(described: Path, at: Path) -> Made:
    command = (BIN / "openapi-generator-cli", "generate", "-i", described, "-g", "python", "-o", at)
    await _run(*command, at=at)
    shutil.copy(CLIENTS / "by_generator.py", at)
    return (BIN / "python", "by_generator.py")


async def _by_python_client(described: Path, at: Path) -> Made:
    package = at / "onhook_client"
    options = ("--meta", "none", "--output-path", package, "--overwrite", "--fail-on-warning")
    (at / "options.yaml").write_text("post_hooks: []\n")
    await _run(
        *(BIN / "openapi-python-client", "generate", "--path", described, *options),
        *("--config", at / "options.yaml"),
        at=at,
    )
    shutil.copy(CLIENTS / "by_python_client.py", at)
    return (BIN / "python", "by_python_client.py")


async def _by_typescript(described: Path, at: Path) -> Made:
    (at / "node_modules").symlink_to(TOOLS / "node_modules")
    shutil.copy(CLIENTS / "by_typescript.ts", at)
    shutil.copy(CLIENTS / "package.json", at)
    scripts = TOOLS / "node_modules" / ".bin"
    await _run(scripts / "openapi-typescript", described, "-o", at / "api.d.ts", at=at)
    strict = (
        "--strict",
        "--target",
        "es2022",
        "--module",
        "es2022",
        "--moduleResolution",
        "bundler",
    )
    await _run(scripts / "tsc", *strict, "--lib", "es2022,dom", "by_typescript.ts", at=at)
    return (BIN / "node", "by_typescript.js")


@pytest.mark.parametrize("make", [_by_generator, _by_python_client, _by_typescript])
async def test_hangs_up_with_a_message(
    customer: Customer, tmp_path: Path, make: Callable[[Path, Path], Awaitable[Made]]
) -> None:
    assert (TOOLS / "installed").exists(), (
        "the generators are not there: run scripts/client_tools.sh"
    )
    described = tmp_path / "openapi.json"
    described.write_bytes((await ask(customer.server, "GET", path="/openapi.json")).body)
    at = tmp_path / "client"
    at.mkdir()
    client = await make(described, at)
    call, told = await customer.call()
    who = (customer.server.url, customer.app_id, customer.access_token, told["session"])
    assert await _run(*client, *who, "Good bye.", at=at) == "success_ok\n"
    assert (await call.ended(30)).how is How.BYE_RECEIVED
