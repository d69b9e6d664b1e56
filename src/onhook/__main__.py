"""``python -m onhook``."""

from onhook.cli import main

main()
