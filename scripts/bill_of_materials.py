"""The bill of materials of a wheel: what is in it, and what is installed with it, in CycloneDX 1.6 (JSON).

``setup.py`` puts it into each wheel as `*.dist-info/sboms/onhook.cdx.json` (PEP 770). Versions are those of
requirements.lock, which tests ran with; licences those of licences.toml beside this file. It depends on these
files alone, so that the same wheel has the same bill. As a program it prints what a wheel would have.
"""

import json
import os
import re
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_ELSEWHERE = "sys_platform == 'win32'"
"""The marker of what no wheel of ours is installed with."""
_GUIDE = {"furo": "MIT", "snowballstemmer": "BSD-3-Clause", "sphinx": "BSD-2-Clause"}
"""Of whose scripts and styles the site of scripts/build_site.py is; requirements-wheel.lock pins them."""
_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"


@dataclass(frozen=True)
class Pin:
    """A package of the lock, and the packages that want it."""

    name: str
    version: str
    marker: str = ""
    wanted_by: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """Its address in the index (package-url)."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(lock: str) -> Iterator[Pin]:
    """The packages of a lock file, as uv writes it. Those of other systems are left out."""
    for part in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE):
        found = re.match(r"([a-z0-9.-]+)==(\S+)(?: ; (.*?))? \\$", part, re.MULTILINE)
        if found is None or _ELSEWHERE in (found[3] or ""):
            continue
        _, _, via = part.partition("# via")
        wanted_by = re.findall(r"([A-Za-z0-9._-]+)(?: \(pyproject\.toml\))?$", via, re.MULTILINE)
        yield Pin(found[1], found[2], found[3] or "", wanted_by)


def installed_with(name: str, wanted: Iterable[str], locked: Sequence[Pin]) -> list[Pin]:
    """Those pins that come with ``name``, which wants ``wanted``: not what only builds it."""
    reached, found = set(wanted), set[str]()
    while reached != found:
        found = set(reached)
        reached |= {pin.name for pin in locked if found & set(pin.wanted_by) - {name}}
    return [pin for pin in locked if pin.name in found]


def document(libcrypto: Path | None = None) -> dict[str, Any]:
    """The bill of materials; ``libcrypto`` is the folder of the static one that is linked in, if it is
    (scripts/build_libcrypto.sh)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences = tomllib.loads((ROOT / "scripts/licences.toml").read_text(encoding="utf-8"))
    name = project["name"]
    wanted = {normal(each) for each in project["dependencies"]}
    locked = list(pins((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    with_it = installed_with(name, wanted, locked)
    own = f"pkg:pypi/{name}@{project['version']}"
    bill = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": name,
                "version": project["version"],
                "description": project["description"],
                "licenses": _licensed(project["license"]),
                "purl": own,
                "components": [*_console(), *_guide(), *_linked(libcrypto)],
            }
        },
        "components": [_component(pin, licences[pin.name]) for pin in with_it],
        "dependencies": [
            {"ref": own, "dependsOn": [pin.purl for pin in with_it if pin.name in wanted]},
            *(
                {"ref": pin.purl, "dependsOn": [o.purl for o in with_it if pin.name in o.wanted_by]}
                for pin in with_it
            ),
        ],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))
    return bill | {"serialNumber": number.urn}


def normal(requirement: str) -> str:
    """The name in a requirement, as the index spells it."""
    [name] = re.findall(r"^[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(pin: Pin, licence: str) -> dict[str, Any]:
    conditions = [{"name": "onhook:marker", "value": pin.marker}] if pin.marker else []
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "licenses": _licensed(licence),
        "purl": pin.purl,
        **({"properties": conditions} if conditions else {}),
    }


def _console() -> Iterator[dict[str, Any]]:
    """What the console's pages have of others, shipped as it is published (scripts/browser_packages.sh)."""
    listed = ROOT / "src/onhook/console/static/packages.json"
    packages: Mapping[str, Mapping[str, str]] = json.loads(listed.read_text(encoding="utf-8"))
    for name, one in packages.items():
        purl = f"pkg:npm/{name}@{one['version']}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": one["version"],
            "hashes": [{"alg": "SHA-256", "content": one["sha256"]}],
            "licenses": _licensed(one["licence"]),
            "purl": purl,
        }


def _guide() -> Iterator[dict[str, Any]]:
    """What the pages of the site have of others, where the wheel has the site."""
    if (ROOT / "src/onhook/api/guide_pages").is_dir():
        lock = (ROOT / "requirements-wheel.lock").read_text(encoding="utf-8")
        for pin in pins(lock):
            if pin.name in _GUIDE:
                yield _component(pin, _GUIDE[pin.name])


def _linked(libcrypto: Path | None) -> Iterator[dict[str, Any]]:
    if libcrypto is None:
        return
    header = (libcrypto / "include/openssl/opensslv.h").read_text(encoding="utf-8")
    [version] = re.findall(r'OPENSSL_VERSION_STR "([^"]+)"', header)
    purl = f"pkg:generic/openssl@{version}"
    yield {
        "type": "library",
        "bom-ref": purl,
        "name": "openssl",
        "version": version,
        "description": "libcrypto, linked into the media plane; of Debian's source package, with its patches",
        "licenses": _licensed("Apache-2.0"),
        "cpe": f"cpe:2.3:a:openssl:openssl:{version}:*:*:*:*:*:*:*",
        "purl": purl,
    }


def _licensed(expression: str) -> list[dict[str, str]]:
    return [{"expression": expression}]


def text() -> str:
    """The document of the wheel that is being built, as the environment of the build says."""
    static = os.environ.get("ONHOOK_LIBCRYPTO")
    return json.dumps(document(Path(static) if static else None), indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
