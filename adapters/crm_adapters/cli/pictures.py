"""Which picture shows what a simulation found?"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click
from attrs import frozen

from crm_adapters.files import refuse_special
from crm_domain.simulation import Comparison, Replications

_FORMATS: Final = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
_DOTS_PER_INCH: Final = 130


@frozen
class Picture:
    """A picture to be made: where, and in which format."""

    path: Path
    format: str

    @staticmethod
    def at(path: Path) -> Picture:
        """Return a picture that is to be made there.

        Raises:
            NotAFile: A device, a FIFO, a socket or a folder is there.
            click.UsageError: Its name ends in no format, its folder is missing, or matplotlib is.
        """
        refuse_special(path)
        suffix = path.suffix.lower()
        if suffix not in _FORMATS:
            raise click.UsageError(f"--plot: {path} must end in {', '.join(_FORMATS)}.")
        if not path.absolute().parent.is_dir():
            raise click.UsageError(f"--plot: there is no folder {path.absolute().parent}.")
        if find_spec("matplotlib") is None:
            raise click.UsageError("--plot takes matplotlib: pip install 'crm-domain[plot]'")
        return Picture(path, _FORMATS[suffix])


def draw(found: Replications | Comparison, picture: Picture) -> bytes:
    """Draw a comparison's differences, or how free credits, revenue and activity go on; return the picture."""
    import matplotlib as mpl  # noqa: PLC0415  # it takes the extra `plot`, and its time

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    from crm_adapters.plots import plot_comparison, plot_retention, plot_revenue, plot_survival  # noqa: PLC0415
    from crm_adapters.plots.comparing import SHOWN  # noqa: PLC0415
    from crm_adapters.plots.style import styled  # noqa: PLC0415

    if isinstance(found, Comparison):
        everywhere = [found.base, *found.variants.values()]
        plot_comparison(found, [name for name in SHOWN if all(None not in runs.values(name) for runs in everywhere)])
    else:
        panels: list[Callable[[Any], object]] = []
        if found.scenario.crm_users and found.scenario.policy.initial_credits:
            panels.append(lambda ax: plot_survival(found[0], ax=ax))
        if len(found) > 1:
            panels.append(lambda ax: plot_revenue(found, ax=ax))
        if found[0].cohorts().retention(1) is not None:
            panels.append(lambda ax: plot_retention(found[0], ax=ax))
        if not panels:
            raise click.ClickException("--plot: so short a run of so few users gives nothing to draw.")
        with styled():
            _, axes = plt.subplots(
                len(panels), 1, figsize=(8.6, 4.7 * len(panels)), layout="constrained", squeeze=False
            )
            for panel, ax in zip(panels, axes.flat, strict=True):
                panel(ax)
    content = io.BytesIO()
    plt.savefig(content, format=picture.format, dpi=_DOTS_PER_INCH)
    plt.close()
    return content.getvalue()
