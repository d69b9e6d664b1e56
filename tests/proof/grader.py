"""DistillMOS grades speech from 1 to 5, as listeners would (the extra `proof`); for comparing voices.

Its package has the weights, but its code wants torch, which is a thousand times as large. The network is
small: the same sums are made here with numpy.
"""

import importlib.util
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import soxr

Array = npt.NDArray[np.float32]

RATE_HZ: Final = 16_000
_LENGTH: Final = 122_880
_LONGEST_HOP: Final = 16_000
_HOP: Final = 160
_WINDOW: Final = 320
_LAYERS: Final = 6
_BLOCKS: Final = 7
_HEADS: Final = 8
_EPSILON: Final = 1e-5


class Grader:
    """The network. Raises `ModuleNotFoundError` where its package is not installed."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("distillmos")
        if package is None or package.origin is None:
            raise ModuleNotFoundError("distillmos")
        self._weights = _read(Path(package.origin).parent / "weights" / "distill_mos_v7.pt")

    def grade(self, sound: Array, rate_hz: int) -> float:
        """The grade of `sound`, which is within -1 to 1."""
        heard = soxr.resample(sound, rate_hz, RATE_HZ).astype(np.float32)
        more = max(0, len(heard) - _LENGTH)
        heard = np.pad(heard, (0, max(0, _LENGTH - len(heard))))
        starts = np.linspace(0, more, -(-more // _LONGEST_HOP) + 1).astype(int)
        return float(np.mean([self._grade(heard[start : start + _LENGTH]) for start in starts]))

    def _grade(self, sound: Array) -> float:
        x = _compressed(sound / (np.abs(sound).max() + np.float32(1e-8)))
        for layer in range(_LAYERS):
            across, down = 2 if layer == _LAYERS - 1 else 1, 2 if layer else 1
            name = f"cnn.cnn.{2 * layer}"
            x = _convolved(x, self._of(name, "weight"), self._of(name, "bias"), down, across)
            x = np.maximum(x, np.float32(0.1) * x)
        x = x.reshape(-1, x.shape[-1]).T
        top = "transformer_pool_attn"
        x = self._normed(x, f"{top}.norm_input")
        x = self._normed(x, f"{top}.transformer.norm")
        x = self._linear(x, f"{top}.transformer.linear_proj")
        x = x + self._of(f"{top}.transformer.position_encoding", "pe")[0]
        for block in range(_BLOCKS):
            x = self._block(x, f"{top}.transformer.transformer_encoder.layers.{block}")
        x = self._normed(x, f"{top}.norm_trans")
        attention = self._linear(x, f"{top}.pool.linear1")
        weight = self._linear(np.maximum(attention, 0), f"{top}.pool.linear2")
        pooled = _softmax(weight.T) @ x
        quality = self._linear(pooled, f"{top}.pool.linear3").item()
        return 1 + 4 / (1 + float(np.exp(-quality)))

    def _block(self, x: Array, name: str) -> Array:
        x = self._layer_normed(x + self._attended(x, f"{name}.self_attn"), f"{name}.norm1")
        inner = np.maximum(self._linear(x, f"{name}.linear1"), 0)
        return self._layer_normed(x + self._linear(inner, f"{name}.linear2"), f"{name}.norm2")

    def _attended(self, x: Array, name: str) -> Array:
        both = x @ self._weights[f"{name}.in_proj_weight"].T + self._weights[f"{name}.in_proj_bias"]
        query, key, value = (
            part.reshape(len(x), _HEADS, -1).transpose(1, 0, 2)
            for part in np.split(both, 3, axis=1)
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        heads = (_softmax(scores) @ value).transpose(1, 0, 2).reshape(len(x), -1)
        return self._linear(heads, f"{name}.out_proj")

    def _normed(self, x: Array, name: str) -> Array:
        mean, variance = self._of(name, "running_mean"), self._of(name, "running_var")
        scale = self._of(name, "weight") / np.sqrt(variance + np.float32(_EPSILON))
        return np.asarray((x - mean) * scale + self._of(name, "bias"))

    def _layer_normed(self, x: Array, name: str) -> Array:
        spread = np.sqrt(x.var(axis=1, keepdims=True) + np.float32(_EPSILON))
        centred = (x - x.mean(axis=1, keepdims=True)) / spread
        return np.asarray(centred * self._of(name, "weight") + self._of(name, "bias"))

    def _linear(self, x: Array, name: str) -> Array:
        return x @ self._of(name, "weight").T + self._of(name, "bias")

    def _of(self, name: str, what: str) -> Array:
        return self._weights[f"{name}.{what}"]


def _compressed(sound: Array) -> Array:
    """Real and imaginary part of the spectrum, with its magnitudes to the power of 0.3."""
    sound = np.pad(sound, (_WINDOW - _HOP) // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, axis=1).T
    spectrum *= np.maximum(np.abs(spectrum), 1e-12) ** (0.3 - 1)
    return np.stack([spectrum.real, spectrum.imag]).astype(np.float32)


def _convolved(x: Array, weight: Array, bias: Array, down: int, across: int) -> Array:
    """A convolution of 3 by 3 without padding in frequency, and with one column of it in time."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    views = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::down, ::across]
    channels, height, width = views.shape[:3]
    columns = views.transpose(0, 3, 4, 1, 2).reshape(channels * 9, height * width)
    found = weight.reshape(len(weight), -1) @ columns + bias[:, None]
    return np.asarray(found.reshape(len(weight), height, width))


def _softmax(x: Array) -> Array:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


class _Weights(pickle.Unpickler):
    """Reads the table of a file of torch's: names and where the numbers are. Builds nothing else."""

    def __init__(self, archive: ZipFile, folder: str) -> None:
        super().__init__(archive.open(f"{folder}/data.pkl"))
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): np.float32,
            ("torch", "LongStorage"): np.int64,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of such a file")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        _, kind, key, *_ = pid
        return np.frombuffer(self._archive.read(f"{self._folder}/data/{key}"), kind)


def _tensor(storage: Any, offset: int, shape: tuple[int, ...], *_: object) -> Any:
    return storage[offset : offset + int(np.prod(shape, dtype=int))].reshape(shape)


def _read(path: Path) -> dict[str, Array]:
    with ZipFile(path) as archive:
        folder = archive.namelist()[0].partition("/")[0]
        return dict(_Weights(archive, folder).load()["model"])
