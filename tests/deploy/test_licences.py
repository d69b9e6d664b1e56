"""What is installed with Onhook and its extras may be used by anybody, as scripts/licences.toml says."""

import re
import tomllib
from importlib.metadata import PackageMetadata, distribution

from license_expression import get_spdx_licensing
from packaging.requirements import Requirement

from deploy.containerfile import ROOT

LICENCES: dict[str, str] = tomllib.loads((ROOT / "scripts/licences.toml").read_text())
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("PSF-2.0", "Zlib"),
}
EXCEPTIONS = {
    "espeakng-loader": {"GPL-3.0-or-later"},  # loaded by speech/workers/espeak.py alone
    "soundfile": {"LGPL-2.1-or-later"},  # shared objects that can be replaced
    "soxr": {"LGPL-2.1-or-later"},
    "pyopenjtalk-plus": {"CC-BY-3.0"},  # a voice: its makers are named
}
SILENT = {"espeakng-loader", "py-nanotts"}
"""Their metadata says nothing of a licence."""
FOR_DEVELOPERS = {"dev", "site", "wheel"}

_BY_CLASSIFIER = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
_BY_TEXT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "PSFL": "PSF-2.0",
}


def installed(extras: set[str]) -> set[str]:
    """All packages that are installed with Onhook and these extras, by the metadata of each."""
    found: dict[str, set[str]] = {}
    ahead = [("onhook", frozenset(extras))]
    while ahead:
        name, wanted = ahead.pop()
        if name in found and wanted <= found[name]:
            continue
        found[name] = found.get(name, set()) | wanted
        for line in distribution(name).requires or []:
            need = Requirement(line)
            chosen = [{"extra": one} for one in ("", *found[name])]
            if need.marker is None or any(need.marker.evaluate(one) for one in chosen):
                ahead.append((re.sub(r"[-_.]+", "-", need.name).lower(), frozenset(need.extras)))
    return set(found) - {"onhook"}


def ids(expression: str) -> set[str]:
    """The licences of an expression."""
    licensing = get_spdx_licensing()
    assert licensing.validate(expression).errors == [], expression
    return set(licensing.license_keys(expression))


def stated(metadata: PackageMetadata) -> set[str]:
    """What a package says of its licence; `BSD` is any of them."""
    texts = metadata.get_all("License-Expression") or metadata.get_all("License") or []
    texts = [_BY_TEXT.get(text, text) for text in texts if text]
    if texts:
        return set().union(*map(ids, texts))
    said = [each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier") or []
            if each.startswith("License :: ")]  # fmt: skip
    return {_BY_CLASSIFIER[each] for each in said}


def extras() -> set[str]:
    """Those that users install."""
    return set(distribution("onhook").metadata.get_all("Provides-Extra") or []) - FOR_DEVELOPERS


def test_every_package_has_a_licence_that_is_allowed() -> None:
    assert {"ja", "kokoro", "testing"} <= extras()
    every = installed(extras())
    assert every == set(LICENCES), "scripts/licences.toml has to name them"
    for name in every:
        refused = ids(LICENCES[name]) - ALLOWED - EXCEPTIONS.get(name, set())
        assert not refused, f"{name}: {refused}"


def test_each_says_the_same_of_itself() -> None:
    silent = set()
    for name, licence in LICENCES.items():
        known = ids(licence)
        said = stated(distribution(name).metadata)
        silent |= set() if said else {name}
        fits = {any(one == own or (one == "BSD" and own.startswith("BSD-")) for own in known)
                for one in said}  # fmt: skip
        assert False not in fits, f"{name} says {said}"
    assert silent == SILENT


def test_what_is_not_needed_is_no_exception() -> None:
    assert all(kept <= ids(LICENCES[name]) for name, kept in EXCEPTIONS.items())


def test_what_is_refused_is_noticed() -> None:
    assert ids("MIT OR (AGPL-3.0-only AND 0BSD)") - ALLOWED == {"AGPL-3.0-only"}
