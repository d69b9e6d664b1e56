"""Speech is made in a process of its own, which starts with the first use and goes when nobody speaks.

`synthesiser` is what the server has of it, `program` is what runs there, and `messages` is what they say.
"""
