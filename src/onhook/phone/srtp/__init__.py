"""Keys of encrypted audio in session descriptions (SDES, RFC 4568): `crypto` reads and writes them,
`negotiation` agrees on them."""
