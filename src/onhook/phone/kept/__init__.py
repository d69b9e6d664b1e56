"""What a leg keeps so that another process can go on with it: `Leg.kept()`, and how that is read. Pure.

What is kept is a mapping that JSON can hold:

    v          1, the version of this shape
    direction  `in` for a call to us, `out` for one of ours
    state      a `CallState` in small letters, where the call was
    trunk      the name of the trunk that it came or goes by, empty for none; its credentials, which are not
               kept, are those of the trunk that is handed to `SipEndpoint.adopt`
    dialog     tags, route set, remote target, numbers, and where the peer was heard from (`SipDialog`)
    session    our description and what was agreed: address, port, origin, codecs, digits (`MediaSession`)
    timer      the session timer: what was agreed, who refreshes, and when, in seconds of the clock of the
               endpoint, which is the monotonic one of this boot (`SessionKeeper`)
    parting    what the BYE is to say, where the owner has hung up
    in, out    what only a call to us, or one of ours, has
    reinvite   a re-INVITE of ours that is under way
    accepted   a 2xx of ours that waits for its ACK, with its bytes
    keys       texts that are secrets: whoever writes them encrypts each value. Empty for a call in the clear
               through a trunk without a password

Texts may hold lone surrogates, as the headers they are from may hold bytes that are no UTF-8: JSON writes
them as `\\udcXX`. Whatever cannot be read raises `KeptUnreadable`: then the call is settled by its
`DialogRecord`, as one that is over.
"""

VERSION = 1
"""Of what is written; nothing else is read."""
