"""Takes out of the virtual environment what never runs, 70 MB of it: run by ``set_up.sh``.

- Debugging symbols of compiled modules, which some packages ship.
- onnxruntime's library for programs in C; its Python module holds the same code once more.
"""

import shutil
import subprocess
import sysconfig
from pathlib import Path

PACKAGES = Path(sysconfig.get_path("purelib"))


def main() -> None:
    """Trims this interpreter's packages; a second run finds nothing."""
    for library in PACKAGES.glob("onnxruntime/capi/libonnxruntime.so*"):
        library.unlink()
    if shutil.which("strip"):
        for module in PACKAGES.rglob("*.so"):
            if b".debug_info" in module.read_bytes():
                _strip(module)


def _strip(module: Path) -> None:
    """Replaced whole and not written in place, because a process may have it mapped."""
    smaller = module.with_suffix(".stripped")
    done = subprocess.run(["strip", "--strip-debug", "-o", smaller, module], check=False)
    if done.returncode == 0:
        shutil.copymode(module, smaller)
        smaller.replace(module)
    else:
        smaller.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
