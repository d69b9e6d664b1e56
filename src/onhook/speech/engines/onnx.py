"""Neural models in files, run by onnxruntime on one thread a call."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from onhook.speech.errors import CannotConvertText
from onhook.speech.voices import Samples

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

log = structlog.get_logger()


class OnnxModel:
    """The model of a file, loaded when made. May be called from several threads at once.

    Raises `CannotConvertText` for a file that is no model, and for input that the model fails at.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime  # here, because the process is ready sooner without it

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan is kept for every length of sentence
        options.enable_cpu_mem_arena = False  # it would keep what the longest sentence took
        options.log_severity_level = 4  # fatal only: errors are ours to tell
        self._path = path
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001  see _failed
            raise self._failed(error) from None
        self.inputs = frozenset(each.name for each in self._session.get_inputs())

    def sound(self, given: "Mapping[str, npt.NDArray[np.generic]]") -> Samples:
        """What the model makes of its inputs, as one row of samples."""
        try:
            found: Any = self._session.run(None, dict(given))
        except Exception as error:  # noqa: BLE001  see _failed
            raise self._failed(error) from None
        samples: Samples = found[0].reshape(-1)
        return samples

    def _failed(self, error: Exception) -> CannotConvertText:
        """The runtime's exceptions have no class in common but `Exception`."""
        log.error("voice_model_failed", model=self._path.name, reason=type(error).__name__)
        return CannotConvertText()
