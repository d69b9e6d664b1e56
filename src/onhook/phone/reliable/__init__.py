"""Provisional responses that cannot get lost (RFC 3262): `numbers` reads and writes RSeq and RAck, `ringing`
sends ours until they are acknowledged, `early` keeps what the phones said that ring for a call of ours."""
