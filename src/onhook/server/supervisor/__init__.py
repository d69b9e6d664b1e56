"""The process that starts the others, holds what they share, and watches them. Stdlib only, and small."""
