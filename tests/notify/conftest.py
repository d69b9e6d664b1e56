from collections.abc import Iterator

import pytest
import structlog

from notify.certificates import Authority, new_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep logs off the terminal: rendering a traceback takes longer than most tests."""
    with structlog.testing.capture_logs():
        yield
