"""Registering with a carrier (RFC 3261 10), and asking whether it is there (OPTIONS).

From the bottom: `backoff` (when the next try is), `machine` (one registration as a table), `answers` (what
a registrar says), `messages` (what it is asked); all of them pure. `registrar` is one trunk's registration
on the network, `pinger` its OPTIONS. Which trunks there are, and what is known of each, is the affair of
`calls`.
"""
