"""Builds the media plane, and the wheel's bill of materials; everything else stands in pyproject.toml."""

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class Wheel(bdist_wheel):
    """A wheel with its bill of materials (PEP 770)."""

    def write_wheelfile(self, wheelfile_base, *args, **kwargs):
        """What is written last of the metadata: the bill goes beside it."""
        super().write_wheelfile(wheelfile_base, *args, **kwargs)
        bill = Path(wheelfile_base) / "sboms" / "onhook.cdx.json"
        bill.parent.mkdir(exist_ok=True)
        bill.write_text(runpy.run_path("scripts/bill_of_materials.py")["text"](), encoding="utf-8")


setup(
    cffi_modules=["src/onhook/media/build_plane.py:ffibuilder"],
    cmdclass={"bdist_wheel": Wheel},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
