"""The processes of one server: how they reach one another, and how they are started. Stdlib only."""
