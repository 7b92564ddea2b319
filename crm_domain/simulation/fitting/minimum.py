"""Where is a function of a few numbers lowest, and how sharply does it rise from there?

For likelihoods of two or three parameters, which need no gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

Function: TypeAlias = Callable[[Sequence[float]], float]


def lowest(f: Function, start: Sequence[float], *, step: float = 0.5, steps_max: int = 400) -> list[float]:
    """Return where *f* is lowest, by Nelder and Mead's moving simplex; good to about 0.002 in each number.

    Args:
        f: The function.
        start: Where to begin.
        step: How large the first simplex is.
        steps_max: After how many steps to stop, wherever it is then.
    """
    corners = [list(start)]
    corners += [[x + step * (i == n) for i, x in enumerate(start)] for n in range(len(start))]
    simplex = sorted((f(corner), corner) for corner in corners)
    for _ in range(steps_max):
        (least, best), (most, worst) = simplex[0], simplex[-1]
        if most - least < 1e-6 * (1 + abs(least)) and _width(simplex[0][1], worst) < 2e-3:  # noqa: PLR2004
            break
        middle = [math.fsum(corner[i] for _, corner in simplex[:-1]) / len(best) for i in range(len(best))]
        simplex[-1] = _moved(f, simplex, middle, worst)
        if simplex[-1][0] >= most:
            simplex = [simplex[0], *((f(halfway), halfway) for halfway in _towards(best, simplex[1:]))]
        simplex.sort()
    return simplex[0][1]


def _moved(
    f: Function, simplex: Sequence[tuple[float, list[float]]], middle: Sequence[float], worst: Sequence[float]
) -> tuple[float, list[float]]:
    """Return the worst corner reflected at the middle of the others, or farther, or drawn nearer."""

    def at(reach: float) -> tuple[float, list[float]]:
        corner = [m + reach * (m - w) for m, w in zip(middle, worst, strict=True)]
        return f(corner), corner

    reflected = at(1.0)
    if reflected[0] < simplex[0][0]:
        return min(reflected, at(2.0))
    if reflected[0] < simplex[-2][0]:
        return reflected
    return min(reflected, at(0.5), at(-0.5))


def _towards(best: Sequence[float], others: Sequence[tuple[float, list[float]]]) -> list[list[float]]:
    return [[(b + x) / 2 for b, x in zip(best, corner, strict=True)] for _, corner in others]


def _width(one: Sequence[float], other: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def standard_errors(f: Function, at: Sequence[float], *, step: float = 0.02) -> list[float]:
    """Return the standard error of each number, where *f* is minus the logarithm of a likelihood.

    By the inverse of the matrix of second derivatives (the observed information). A number that the
    function does not depend on has infinity.
    """
    count = len(at)

    def moved(*moves: tuple[int, float]) -> float:
        place = list(at)
        for i, by in moves:
            place[i] += by
        return f(place)

    here = f(at)
    matrix = [[0.0] * count for _ in range(count)]
    for i in range(count):
        matrix[i][i] = (moved((i, step)) - 2 * here + moved((i, -step))) / step**2
        for j in range(i):
            mixed = moved((i, step), (j, step)) - moved((i, step), (j, -step))
            mixed -= moved((i, -step), (j, step)) - moved((i, -step), (j, -step))
            matrix[i][j] = matrix[j][i] = mixed / (4 * step**2)
    return [math.sqrt(v) if v > 0 else math.inf for v in _inverse_diagonal(matrix)]


def _inverse_diagonal(matrix: Sequence[Sequence[float]]) -> list[float]:
    """Return the diagonal of the inverse of a matrix, by Gauss and Jordan; 0 where it has none."""
    count = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(count))] for i, row in enumerate(matrix)]
    for i in range(count):
        pivot = max(range(i, count), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        if abs(rows[i][i]) < 1e-12:  # noqa: PLR2004  # nothing depends on it
            return [0.0] * count
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(count):
            if j != i:
                rows[j] = [x - rows[j][i] * y for x, y in zip(rows[j], rows[i], strict=True)]
    return [rows[i][count + i] for i in range(count)]
