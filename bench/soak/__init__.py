"""Calls of every kind and length against one server for long: what is left behind, and does memory grow?

    PYTHONPATH=tests python -m bench.soak                      30 minutes at half of what the server can take
    PYTHONPATH=tests python -m bench.soak --minutes 2 --rate 25

A crowd of callers (SIPp) is hung up with messages, listens and hangs up, gives up while it rings, and is
rejected, by an application that fails some notifications at the first try. Beside it phones go through
every other kind of call, one by one, some of them over TLS with SRTP. In the end everything has to be as it
was before: descriptors, ports, tasks, rows, files, processes; and memory, once what it is kept for has its
size, has to be flat. The status of the process is 0 if all of that is so.
"""
