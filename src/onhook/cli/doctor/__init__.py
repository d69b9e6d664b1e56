"""``onhook doctor``: what keeps calls from working, looked at one after the other.

A check is a function from the :class:`Installation` to findings, in a module of its own, and stands in the
list of ``checks.py``. It says what is wrong and what to do in one line, and does not raise.
"""
