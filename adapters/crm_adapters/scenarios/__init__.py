r"""Scenarios from the world and to it: TOML files, dates of arrivals, single settings, and data to fit them to.

>>> from crm_domain.simulation import Scenario
>>> loads("[policy]\ninitial_credits = 2\n").policy.initial_credits
2
>>> loads(dumps(Scenario())) == Scenario()
True
"""

from .errors import DataError, ScenarioError
from .reading import load, loads
from .settings import alternatives, with_settings
from .sources import Data, read_sources
from .writing import dumps, save

__all__ = [
    "Data",
    "DataError",
    "ScenarioError",
    "alternatives",
    "dumps",
    "load",
    "loads",
    "read_sources",
    "save",
    "with_settings",
]
