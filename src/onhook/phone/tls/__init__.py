"""TLS: certificates and keys, whose certificate is believed, and one connection's encryption."""
