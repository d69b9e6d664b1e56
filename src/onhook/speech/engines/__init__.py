"""Everything that speaks: each engine as a `Voice`, and what is shared by several.

An engine is given text as it is to be read, and yields sound. Those that are C or heavy, or are somebody
else's code, are asked through `workers`; neural nets that answer at once run in threads of ours.
"""
