"""Every block of code on the pages is run by a test, or stands on a list that says why it cannot be.

Where a line of a list names no beginning, it stands for all blocks of that page in that language: whether its
test runs a new one beside them is not looked at here."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Final, NamedTuple

import pytest

from pages.reading import PAGES, ROOT, fences, indented, name

_COMMAND: Final = re.compile(r"([A-Z_]+=\S* )*(\S*bin/)?onhook( |$)|export |#|$")
"""Blocks of such lines alone have a test in test_commands.py, name by name and option by option."""

RUN: Final[dict[tuple[str, str, str], str]] = {
    # Pages, language (none: four blanks), how it begins (empty: all of that kind): by which test.
    ("README.md", "python", ""): "tests/acceptance/test_readme.py::"
    "test_the_first_application_of_the_readme_takes_the_first_call",
    ("README.md", "", "apt-get "): "tests/deploy/test_first_call.py::"
    "test_from_a_checkout_as_the_readme_types_it",
    ("docs/adding-a-block.md", "python", ""): "tests/core/test_adding_a_block_page.py::"
    "test_the_request_of_its_example_has_these_attributes",
    ("docs/billing.md", "", "SELECT "): "tests/store/test_billing_page.py::test_books_that_do_not",
    (
        "docs/carriers/asterisk.md",
        "ini",
        "",
    ): "tests/acceptance/test_exchange_pages.py::test_the_page_for_asterisk",
    (
        "docs/carriers/kamailio.md",
        "",
        "",
    ): "tests/acceptance/test_exchange_pages.py::test_the_page_for_kamailio",
    ("docs/deploying.md", "", "install "): "tests/deploy/test_systemd.py::"
    "test_it_is_set_up_as_the_page_says_and_back_after_a_reboot",
    ("docs/deploying.md", "", "systemctl "): "tests/deploy/test_systemd.py::"
    "test_it_is_set_up_as_the_page_says_and_back_after_a_reboot",
    ("docs/first-call.md", "sh", ""): "tests/deploy/test_first_call.py::"
    "test_from_the_wheel_by_five_questions",
    ("docs/first-call.md", "sh", "podman "): "tests/deploy/test_first_call.py::test_in_a_container",
    ("docs/kit.md", "python", ""): "tests/app/test_mounted.py::test_in_a_framework",
    ("docs/monitoring.md", "yaml", ""): "tests/pages/test_samples.py::"
    "test_prometheus_asks_where_the_server_listens",
    ("docs/moving.md", "python", ""): "tests/pages/test_samples.py::"
    "test_the_same_menu_as_in_another_voice_api",
    (
        "docs/operating.md",
        "",
        "# /etc/onhook.toml",
    ): "tests/pages/test_samples.py::test_settings_files",
    (
        "docs/reference/*.md",
        "",
        "",
    ): "tests/api/test_pages.py::test_the_pages_are_what_their_script_writes",
    (
        "docs/reference/*.md",
        "sh",
        "",
    ): "tests/acceptance/test_reference_samples.py::test_each_is_taken",
    ("docs/testing.md", "python", "import asyncio"): "tests/acceptance/test_readme.py::"
    "test_the_first_application_of_the_readme_takes_the_first_call",
    (
        "docs/testing.md",
        "python",
        "",
    ): "tests/pages/test_samples.py::test_an_object_in_the_simulator",
    ("docs/trunks.md", "", "[carrier]"): "tests/cli/test_trunk_pages.py::"
    "test_the_commands_of_a_page_are_taken",
    ("docs/tutorial.md", "python", ""): "tests/acceptance/test_tutorial.py::"
    "test_from_nothing_to_a_call_and_a_trunk",
    ("docs/tutorial.md", "sh", ""): "tests/deploy/test_first_call.py::"
    "test_from_the_wheel_as_the_tutorial_types_it",
    ("docs/tutorial.md", "", "middle/gather"): "tests/acceptance/test_tutorial.py::call_the_shop",
    ("docs/voices.md", "python", ""): "tests/pages/test_samples.py::test_a_package_of_voices",
    ("docs/voices.md", "toml", ""): "tests/pages/test_samples.py::test_a_package_of_voices",
    **{
        ("docs/webhooks.md", language, ""): f"tests/acceptance/test_webhook_samples.py::{test}"
        for language, test in {
            "go": "test_the_sample_in_go",
            "java": "test_the_sample_in_java",
            "js": "test_the_sample_in_node",
            "php": "test_the_sample_in_php",
            "python": "test_the_sample_in_python",
            "ruby": "test_the_sample_in_ruby",
        }.items()
    },
}
_SHOWN: Final = "It shows what is printed, and is typed by nobody."
_DRAWN: Final = "It is a drawing or a formula."
_LISTED: Final = "It is a list of addresses."
_CONTAINER: Final = (
    "It outlives a reboot: tests/deploy/test_container.py gives podman these options."
)
NOT_RUN: Final[dict[tuple[str, str, str], str]] = {
    ("ARCHITECTURE.md", "", "onhook serve ─"): _DRAWN,
    ("README.md", "", "make demo"): "It is a target of make, as `make test` itself.",
    ("README.md", "", " 5.52 s"): _SHOWN,
    (
        "bench/README.md",
        "",
        "make bench",
    ): "It takes the machine for an hour; parts have tests in tests/core.",
    ("bench/README.md", "", "python -m bench.p"): "It wants two trees to compare.",
    (
        "bench/README.md",
        "",
        "python bench/peer_server.py",
    ): "It wants a benchmark that is not in this repository.",
    ("docs/billing.md", "", "debit ="): _DRAWN,
    ("docs/billing.md", "", "billed_s ="): _DRAWN,
    (
        "docs/billing.md",
        "",
        "direction,",
    ): "It is the head of a table; tests/billing/test_ratefile.py reads such.",
    ("docs/carriers/twilio.md", "", "54.172.60.0/30"): _LISTED,
    ("docs/carriers/vonage.md", "", "216.147.0.1"): _LISTED,
    ("docs/console.md", "", "location /console"): "It is for a web server that no test installs.",
    (
        "docs/deploying.md",
        "",
        "apt-get ",
    ): "The package index is asked by tests/deploy/test_first_call.py; here it is the same.",
    ("docs/deploying.md", "", "/opt/onhook/bin/pip"): "It wants a second version of the wheel.",
    ("docs/deploying.md", "", "[Service]"): "It wants a port below 1024 of the machine's own.",
    ("docs/deploying.md", "", "install -m 0644 deploy/onhook.toml"): _CONTAINER,
    ("docs/deploying.md", "", "podman "): _CONTAINER,
    (
        "docs/deploying.md",
        "",
        "install -d -m 0700 deploy/secrets",
    ): "It wants an image of PostgreSQL.",
    ("docs/doctor.md", "", "ok  port"): _SHOWN,
    ("docs/first-call.md", "", '"Mei Tan"'): "`make interop` gives it to baresip.",
    ("docs/first-call.md", "", "/dial "): "`make interop` types it into baresip.",
    ("docs/first-call.md", "", "call "): "`make interop` types it into linphone.",
    ("docs/moving.md", "xml", ""): "It is what the other API has.",
    ("docs/one-operation.md", "", "caller "): _DRAWN,
    ("docs/operating.md", "", "$ onhook calls find"): _SHOWN,
    ("docs/operating.md", "", "                      caller"): _SHOWN,
    ("docs/operating.md", "", "printf "): "Its voice has a test in tests/cli.",
    (
        "docs/operating.md",
        "",
        "createdb ",
    ): "It wants PostgreSQL of the machine's own; tests start one beside it.",
    ("docs/quality.md", "", "from the phone"): _SHOWN,
    ("docs/testing.md", "", "AssertionError"): _SHOWN,
    ("docs/testing.md", "", "$ printf"): _SHOWN,
    (
        "docs/testing.md",
        "",
        "pip install ",
    ): "The wheel is installed by tests/deploy/test_first_call.py, without extras.",
    ("docs/testing.md", "yaml", ""): "A forge runs it.",
    ("docs/voices.md", "", "pip install "): "Its packages are 340 MB and more.",
}


class Block(NamedTuple):
    page: str
    language: str
    text: str

    def fits(self, key: tuple[str, str, str]) -> bool:
        page, language, begins = key
        return (
            fnmatch(self.page, page) and self.language == language and self.text.startswith(begins)
        )


def every() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        yield from (Block(name(page), language, body) for language, body in fences(text))
        for body in indented(text):
            if not all(_COMMAND.match(line) for line in body.replace("\\\n", " ").splitlines()):
                yield Block(name(page), "", body)


BLOCKS: Final = list(every())
KEYS: Final = (*RUN, *NOT_RUN)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda one: f"{one.page}: {one.text[:30]!r}")
def test_it_is_run_or_said_why_not(block: Block) -> None:
    assert any(block.fits(key) for key in KEYS), (
        "Run it in a test, and name that in RUN; or say in NOT_RUN why it cannot be run here."
    )


@pytest.mark.parametrize("key", KEYS, ids=lambda one: f"{one[0]} {one[1]} {one[2]}")
def test_there_is_such_a_block(key: tuple[str, str, str]) -> None:
    assert any(block.fits(key) for block in BLOCKS)


@pytest.mark.parametrize("test", sorted(set(RUN.values())))
def test_there_is_such_a_test(test: str) -> None:
    path, _, function = test.partition("::")
    assert re.search(rf"^(async )?def {function}\(", (ROOT / path).read_text(), re.MULTILINE)
