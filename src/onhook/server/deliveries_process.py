"""The program that delivers notifications, one of the processes of the server."""

import sys


def main() -> int:
    """Runs what `onhook.server.deliveries` has."""
    # structlog would load it for tracebacks on a terminal, which nobody sees here; it takes 4 MB.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    from onhook.server.deliveries import run
    from onhook.server.garbage import tune

    tune()
    return run()


if __name__ == "__main__":
    sys.exit(main())
