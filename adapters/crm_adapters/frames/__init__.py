"""How does a table of a simulation become a frame of pandas or polars? Without copying a number.

Columns have the buffer protocol, so that numpy looks at the same memory, and both libraries take
numpy's arrays as they are. They are imported when they are asked for.
"""

from crm_adapters.extras import extra

with extra("frames", "numpy"):
    from .conversion import to_pandas, to_polars

__all__ = ["to_pandas", "to_polars"]
