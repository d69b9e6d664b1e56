"""Builds the media plane; everything else stands in pyproject.toml."""

from setuptools import setup

setup(
    cffi_modules=["src/onhook/media/build_plane.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
