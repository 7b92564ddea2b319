"""How do seed, time and behaviour drive the model?

A `Scenario` says who comes and what they do; an engine makes a run of it. Random draws are keyed
by seed, user, purpose and number, so that a run is the same on every engine, in whatever order and
by however many workers.
"""

from .behaviours import Behaviour, User, applicant, at_once, by_service, leave, wait
from .estimates import Estimate
from .executors import ExecutorBroken
from .experiments import compare, replicate, replicate_until, simulate, sweep
from .figures import FIGURES, Figure
from .fitting import Fit, fit, fit_payments
from .forking import fork
from .histories import Histories
from .jobs import Interrupted
from .parameters import UnknownParameter, parameters_of, with_parameters
from .reference import simulate_reference
from .replications import Comparison, Replications, Sweep
from .runs import Run
from .scenario import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario
from .statistics import Interval, Survival, mean_interval
from .streams import Stream
from .tables import EVENT_KINDS, POPULATIONS, Part

__all__ = [
    "EVENT_KINDS",
    "FIGURES",
    "POPULATIONS",
    "Activity",
    "Arrivals",
    "Behaviour",
    "Churn",
    "Comparison",
    "Estimate",
    "ExecutorBroken",
    "Figure",
    "Fit",
    "Histories",
    "Interrupted",
    "Interval",
    "Part",
    "Payments",
    "Recordings",
    "Replications",
    "Rhythm",
    "Run",
    "Scenario",
    "Stream",
    "Survival",
    "Sweep",
    "UnknownParameter",
    "User",
    "applicant",
    "at_once",
    "by_service",
    "compare",
    "fit",
    "fit_payments",
    "fork",
    "leave",
    "mean_interval",
    "parameters_of",
    "replicate",
    "replicate_until",
    "simulate",
    "simulate_reference",
    "sweep",
    "wait",
    "with_parameters",
]
