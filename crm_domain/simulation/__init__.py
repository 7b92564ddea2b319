"""How do seed, time and behaviour drive the model?

A `Scenario` says who comes and what they do; an engine makes a run of it. Random draws are keyed
by seed, user, purpose and number, so that a run is the same on every engine, in whatever order and
by however many workers.
"""

from .scenario import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario
from .tables import EVENT_KINDS, POPULATIONS, Part

__all__ = [
    "EVENT_KINDS",
    "POPULATIONS",
    "Activity",
    "Arrivals",
    "Churn",
    "Part",
    "Payments",
    "Recordings",
    "Rhythm",
    "Scenario",
]
