"""The state machine of a call."""
