"""The process: settings, start and end, its lease and heartbeat, health and metrics."""
