"""What a complete call costs in things that can be counted, held against committed figures.

    python -m bench.budget               measures, compares; fails if anything takes 5 % more
    python -m bench.budget --commit      measures, and writes the figures to be committed

200 calls come one after another, one every half second, to a fresh server: ring, notification, hangup with a
cached message, BYE, notification. Counted of all its processes are system calls (without those that only
wait), flushes, SQL statements, bytes written to files and sent, allocations and their bytes; what a server
without calls does in the same time is taken off. None of these depends on how fast the machine is, or what
else it does. Instructions of the media plane are counted where the machine has counters for them.
"""
