"""Why a call ended, in one sentence, with what it rests on and what to do. Pure.

Made of what is known of a call: its record, what its application was told and asked in vain, what its audio
was like. `rules.py` has a rule for each way in which a call can end (`onhook.call.End`); a test walks all
that are in the code and fails for one without a rule. Whatever shows it, the command line or a page, says
the same. It has no numbers, digits or messages, but for what the detail of a refused request quotes.
"""

from onhook.calls.why.evidence import Evidence
from onhook.calls.why.rules import CAUSES, RULES
from onhook.calls.why.verdict import Verdict, verdict_of

__all__ = ["CAUSES", "RULES", "Evidence", "Verdict", "verdict_of"]
