"""Builds the media plane: its C and cffi's glue, as the extension module `_plane`.

setuptools finds `ffibuilder` through `cffi_modules` and runs this file from the root of the
repository. Run as a program, it builds the module in place, beside the sources.

OpenSSL's libcrypto is the system's, or the static one in the folder that ONHOOK_LIBCRYPTO names
(scripts/build_libcrypto.sh).
"""

import os
import tempfile
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent
MODULE = "onhook.media._plane"
NATIVE = HERE / "native"
SOURCES = sorted(file.name for file in NATIVE.glob("*.c"))
HEADERS = sorted(file.name for file in NATIVE.glob("*.h"))
# Hidden: what one file offers another is nobody else's, and is called directly.
FLAGS = ["-std=c11", "-O2", "-fvisibility=hidden"]
# Without one by GCC 12; tests compile with -Werror.
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion"]


def declarations(header: str) -> str:
    """Return the part of `plane.h` that cffi is to know: what stands between its cdef marks."""
    _, _, rest = header.partition("/* cdef: begin")
    body, end, _ = rest.partition("/* cdef: end */")
    if not end:
        raise ValueError("plane.h has lost its cdef marks")
    return body.partition("*/")[2]


def libcrypto() -> dict[str, list[str]]:
    """How the module is linked with libcrypto."""
    static = os.environ.get("ONHOOK_LIBCRYPTO")
    if not static:
        return {"include_dirs": [], "libraries": ["crypto"]}
    return {
        "include_dirs": [f"{static}/include"],
        "libraries": [],
        "extra_objects": [f"{static}/libcrypto.a"],
        "extra_link_args": ["-Wl,--gc-sections"],  # it was compiled to be nobody else's
    }


def builder(folder: Path) -> FFI:
    """Describe the extension module; `folder` holds its sources, as the compiler shall see it."""
    ffi, linked = FFI(), libcrypto()
    ffi.cdef(declarations((NATIVE / "plane.h").read_text(encoding="utf-8")))
    ffi.set_source(
        MODULE,
        '#include "plane.h"',
        sources=[str(folder / name) for name in SOURCES],
        depends=[str(folder / name) for name in HEADERS],
        include_dirs=[str(folder), *linked.pop("include_dirs")],
        extra_compile_args=[*FLAGS, *WARNINGS],
        libraries=[*linked.pop("libraries"), "pthread", "m"],
        py_limited_api=True,
        **linked,
    )
    return ffi


ffibuilder = builder(NATIVE)


def build_in_place() -> Path:
    """Compile in a scratch folder and move the result here; whoever has the old one keeps it."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".build-") as scratch:
        built = Path(builder(NATIVE.resolve()).compile(tmpdir=scratch))
        return built.replace(HERE / built.name)


if __name__ == "__main__":
    print(build_in_place())
