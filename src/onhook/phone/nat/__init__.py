"""How peers outside reach us where a router translates addresses.

stun             what is said to a STUN server, and what it answers (pure)
stun_client      asks one
local_networks   who is inside, and is told the address that we have ourselves
given            what an operator writes of it (pure)
public_address   which address everybody else is told, and when it changes
"""
