"""What is where in a data directory."""

from pathlib import Path
from typing import Final

RECORDINGS: Final = "recordings"
_PROMPTS: Final = "prompts"


def prompt_directory(data: Path) -> Path:
    """Where the prompts of a data directory are; it is made if need be. Raises ``OSError``."""
    directory = data / _PROMPTS
    directory.mkdir(exist_ok=True, mode=0o700)
    return directory
