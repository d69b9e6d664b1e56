"""A switch takes over the calls of the one before it, which died or handed over: they go on."""
