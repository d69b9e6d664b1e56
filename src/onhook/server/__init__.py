"""The process: settings, the HTTP API, calls and their wiring, health and metrics."""
