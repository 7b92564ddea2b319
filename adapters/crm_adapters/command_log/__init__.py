"""Read and run command logs; `crm_domain.command_log` describes the format.

>>> log = [b'{"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "Amy@x.test"}}']
>>> run = Run()
>>> list(run.outcomes(read_log(log, "example.jsonl")))
[{'n': 1, 'result': 'ok', 'user': 'amy'}]
"""

from .answers import Outcome
from .explaining import ExplainedLine
from .final import final_state
from .reading import Entry, LogError, read_line, read_log
from .running import Run

__all__ = ["Entry", "ExplainedLine", "LogError", "Outcome", "Run", "final_state", "read_line", "read_log"]
