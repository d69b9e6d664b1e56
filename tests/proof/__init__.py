"""The proof of the voices: what a phone hears is written down by a recogniser, and graded."""
