"""How do seed, time and behaviour drive the model?

A `Scenario` says who comes and what they do; an engine makes a run of it. Random draws are keyed
by seed, user, purpose and number, so that a run is the same on every engine, in any order and
by however many workers.
"""

from .draws.streams import Stream
from .experiments.chunks import Interrupted
from .experiments.designs import compare, replicate, replicate_until, simulate, sweep
from .experiments.executors import ExecutorBroken
from .experiments.forking import fork
from .fitting.estimates import Estimate
from .fitting.histories import Histories
from .fitting.scenario_fit import Fit, fit, fit_payments
from .parameters import UnknownParameter, parameters_of, with_parameters
from .reference.behaviours import Behaviour, User, applicant, at_once, by_service, leave, wait
from .reference.population import simulate_reference
from .results.intervals import Interval, Survival, mean_interval
from .results.key_figures import FIGURES, Figure
from .results.part import EVENT_KINDS, POPULATIONS, Part
from .results.replications import Comparison, Replications, Sweep
from .results.run import Run
from .scenario import Activity, Arrivals, Churn, Payments, Recordings, Rhythm, Scenario

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
