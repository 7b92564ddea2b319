"""Which pictures show what a simulation found?

They take the extra ``plot``, matplotlib. Each function draws on given axes or on new ones and returns them; ``ax.figure.savefig("out.svg")`` keeps
the picture. Titles say what there is to see; series are distinguished by lines and marks as well as by colour.
"""

from crm_adapters.extras import extra

with extra("plot", "matplotlib"):
    from .cohorts import plot_retention
    from .comparing import plot_comparison, plot_sweep
    from .over_time import plot_daily, plot_revenue, plot_survival

__all__ = [
    "plot_comparison",
    "plot_daily",
    "plot_retention",
    "plot_revenue",
    "plot_survival",
    "plot_sweep",
]
