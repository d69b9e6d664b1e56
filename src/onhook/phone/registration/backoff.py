"""When a registration is tried again, and refreshed. Pure: the time and the chance come from outside.

After the n-th failure in a row it waits `BASE_S` * 2^(n-1), at most `LONGEST_S`, of which between half and
all by chance, so that those who lost the same registrar do not come back together (RFC 5626 4.5). A
registrar that refuses us by name is asked seldom: most carriers bar an address that goes on guessing.
Retry-After is a lower bound (RFC 3261 20.33), but no registrar can send us away for longer than
`LONGEST_RETRY_AFTER_S`.
"""

BASE_S = 4.0
"""RFC 5626 has 30 s. Nobody can call us meanwhile, and doubling keeps the registrar from being flooded as
well."""
LONGEST_S = 600.0
SLOW_S = 900.0
"""Once our credentials or our name were refused."""
LONGEST_RETRY_AFTER_S = 3600.0
SHORTEST_REFRESH_S = 1.0
"""Whatever a registrar grants, it is not asked more often than this."""
LONGEST_GRANT_S = 86_400
"""A longer time is taken for this one: a registrar may forget us without a word."""


def refresh_after_s(granted_s: int) -> float:
    """How long after a grant it is refreshed: half of the time."""
    return max(min(granted_s, LONGEST_GRANT_S) / 2, SHORTEST_REFRESH_S)


def retry_after_s(failures: int, chance: float, *, slow: bool, asked_s: float = 0.0) -> float:
    """How long to wait after so many failures in a row, one at the least.

    `chance` is from 0 to 1, `asked_s` the Retry-After of the registrar, 0 without one.
    """
    whole_s = SLOW_S if slow else min(BASE_S * 2.0 ** min(failures - 1, 20), LONGEST_S)
    return max(whole_s * (0.5 + chance / 2), min(asked_s, LONGEST_RETRY_AFTER_S))
