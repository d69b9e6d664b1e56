"""A wheel has a bill of materials, valid by CycloneDX's schema, which names all that is locked."""

import base64
import hashlib
import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cyclonedx.model.bom import Bom
from license_expression import get_spdx_licensing

from deploy.containerfile import DEPLOY, ROOT

BILL = runpy.run_path(str(ROOT / "scripts/bill_of_materials.py"))
LICENCES = runpy.run_path(str(ROOT / "scripts/build_site.py"))["LICENCES"]
LOCKS = ("requirements.lock", "requirements-wheel.lock")
_BUILT_HERE = ("guide_pages", "__pycache__", "*.so", "_plane.c", "*.egg-info", ".build-*")


def bills(tree: Path) -> dict[str, Any]:
    return runpy.run_path(str(tree / "scripts/bill_of_materials.py"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel is made of, without what was built here."""
    here = tmp_path_factory.mktemp("wheel")
    for name in ("src", "scripts", "LICENSES"):
        shutil.copytree(ROOT / name, here / name, ignore=shutil.ignore_patterns(*_BUILT_HERE))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", *LOCKS):
        shutil.copy(ROOT / name, here)
    return here


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Iterator[zipfile.ZipFile]:
    """One of this tree, but for the media plane, which takes a compiler a minute."""
    command = (sys.executable, "setup.py", "-q", "build_py", "bdist_wheel", "--skip-build")
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [built] = (tree / "dist").glob("onhook-*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


@pytest.fixture(scope="module")
def bill(wheel: zipfile.ZipFile) -> dict[str, Any]:
    [name] = [each for each in wheel.namelist() if ".dist-info/sboms/" in each]
    assert name.endswith(".dist-info/sboms/onhook.cdx.json")
    read: dict[str, Any] = json.loads(wheel.read(name))
    return read


def _schema(uri: str) -> Any:
    """Those that CycloneDX publishes; nothing is fetched."""
    name = uri.rpartition("/")[2].removesuffix(".schema.json").removesuffix(".SNAPSHOT")
    return json.loads((files("cyclonedx.schema") / f"_res/{name}.SNAPSHOT.schema.json").read_text())


def test_it_is_valid_by_the_schema(bill: dict[str, Any]) -> None:
    check = jsonschema_rs.validator_for(_schema(bill["$schema"]), retriever=_schema)
    assert [error.message for error in check.iter_errors(bill)] == []
    assert not check.is_valid(bill | {"specVersion": 1.6})


def test_it_names_what_is_locked_and_nothing_that_only_builds(bill: dict[str, Any]) -> None:
    read = Bom.from_json(bill)  # type: ignore[attr-defined]  # a decorator of py-serializable makes it
    named = {(one.name, one.version) for one in read.components}
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock, re.MULTILINE))
    only_builds = {one for one in pinned if one[0] in ("setuptools", "colorama")}
    assert len(only_builds) == 2
    assert named == pinned - only_builds
    assert all(str(one.purl) == f"pkg:pypi/{one.name}@{one.version}" for one in read.components)


def test_who_needs_whom_is_said_of_what_is_there(bill: dict[str, Any]) -> None:
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    there = {one["bom-ref"] for one in bill["components"]}
    own = bill["metadata"]["component"]["bom-ref"]
    assert set(needs) == {own, *there}
    assert {each for of in needs.values() for each in of} == there
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needs[own]}
    assert direct == {BILL["normal"](each) for each in project["dependencies"]}
    [ahead] = [of for ref, of in needs.items() if ref.startswith("pkg:pypi/cffi@")]
    assert [each.partition("@")[0] for each in ahead] == ["pkg:pypi/pycparser"]


def test_what_is_in_the_wheel_itself_is_named_with_its_hash(
    wheel: zipfile.ZipFile, bill: dict[str, Any]
) -> None:
    own = bill["metadata"]["component"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (own["name"], own["version"]) == ("onhook", project["version"])
    assert own["licenses"] == [{"expression": project["license"]}]
    names = {one["name"]: one["hashes"][0]["content"] for one in own["components"]}
    assert set(names) == {"htmx.org", "uplot"}
    for name, file in (("htmx.org", "htmx.min.js"), ("uplot", "uplot.js")):
        shipped = wheel.read(f"onhook/console/static/{file}")
        assert hashlib.sha256(shipped).hexdigest() == names[name]


def test_every_licence_is_an_expression_of_spdx(bill: dict[str, Any]) -> None:
    spdx = get_spdx_licensing()
    for one in [*bill["components"], *bill["metadata"]["component"]["components"]]:
        [licence] = one["licenses"]
        assert spdx.validate(licence["expression"]).errors == [], one["name"]


def test_the_library_that_is_linked_in_is_named(tmp_path: Path) -> None:
    header = tmp_path / "include/openssl/opensslv.h"
    header.parent.mkdir(parents=True)
    header.write_text('# define OPENSSL_VERSION_STR "3.0.17"\n')
    made = BILL["document"](tmp_path)
    [linked] = [o for o in made["metadata"]["component"]["components"] if o["name"] == "openssl"]
    assert (linked["version"], linked["licenses"]) == ("3.0.17", [{"expression": "Apache-2.0"}])
    assert made["serialNumber"] != BILL["document"]()["serialNumber"]


def test_the_same_tree_has_the_same_bill(tree: Path, bill: dict[str, Any]) -> None:
    assert bill == bills(tree)["document"]()


def test_whose_scripts_the_site_has_is_named(tree: Path, bill: dict[str, Any]) -> None:
    site = tree / "src/onhook/api/guide_pages"
    site.mkdir()
    made = bills(tree)["document"]()
    site.rmdir()
    names = {one["name"] for one in made["metadata"]["component"]["components"]}
    before = {one["name"] for one in bill["metadata"]["component"]["components"]}
    assert names - before == set(LICENCES)


def test_the_record_of_the_wheel_has_it(wheel: zipfile.ZipFile) -> None:
    [record] = [each for each in wheel.namelist() if each.endswith(".dist-info/RECORD")]
    lines = [line.split(",") for line in wheel.read(record).decode().splitlines()]
    [(name, told, _)] = [line for line in lines if line[0].endswith("onhook.cdx.json")]
    digest = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest())
    assert told == f"sha256={digest.rstrip(b'=').decode()}"


def test_what_onhook_init_writes_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    for path in (DEPLOY / "onhook.toml", DEPLOY / "systemd/onhook.service"):
        assert wheel.read(f"onhook/cli/beginning/{path.name}") == path.read_bytes()
