"""Session timers (RFC 4028): a call whose far end is gone, and whose BYE was lost, ends all the same.

`terms` reads and agrees what messages say, `state` is the machine of one call; both are pure. `keeper` runs
them for a call, and `client` has that call send its refreshes.
"""
