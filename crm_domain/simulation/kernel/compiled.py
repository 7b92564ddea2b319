"""How is the kernel compiled? By numba (extra ``fast``), from the very functions that run as they stand.

The functions are copied into a namespace of their own, where the names of other functions, of tables, and
of constants that meet unsigned numbers stand for what compiled code needs. Numba keeps what it compiled
between runs, in ``__pycache__`` next to this module if that can be written to, else in the user's cache
directory, or where ``NUMBA_CACHE_DIR`` says.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import cache
from types import FunctionType
from typing import Any, Final

from ..draws import rhythm, streams
from ..results import part
from ..results.part import Part
from ..scenario import Scenario
from . import account, counting, life, memory_layout
from .driver import Machine, simulated
from .life import run
from .memory_layout import Column, Settings

_COMPILED: Final = (streams, rhythm, account, counting, life)
_UNSIGNED: Final = (streams, rhythm)


def simulate_compiled(
    scenario: Scenario, seed: int, users: range | None = None, keep: AbstractSet[str] = frozenset()
) -> Part:
    """Simulate users with compiled code, which lets other threads run meanwhile.

    Args:
        scenario: What is simulated.
        seed: A whole number from 0 to 2**64 - 1.
        users: Which users; all unless given.
        keep: Which tables to keep: ``users``, ``events``.

    Raises:
        TypeError, ValueError: An argument is not one of these.
        ModuleNotFoundError: numba is not installed.
    """
    return simulated(machine(), scenario, seed, range(scenario.users) if users is None else users, keep)


@cache
def machine() -> Machine:
    """Return what runs the compiled kernel.

    Raises:
        ModuleNotFoundError: numba is not installed.
    """
    compiled = compiled_run()  # first, because it says what is missing
    import numpy as np  # noqa: PLC0415 - belongs to the extra

    types = {"q": np.int64, "Q": np.uint64, "B": np.uint8, "b": np.int8, "d": np.float64}

    def work(typecode: str, values: Iterable[Any]) -> Column:
        return np.array(values, types[typecode])

    def zeros(length: int) -> Column:
        return np.zeros(length, np.int64)

    def join(typecode: str, columns: list[Column]) -> Column:
        return np.concatenate([np.empty(0, types[typecode]), *columns])

    def read(given: Settings) -> Any:
        record = [(name, np.dtype(type(value))) for name, value in given._asdict().items()]
        return np.array([tuple(given)], record)[0]

    return Machine(
        run=compiled, work=work, zeros=zeros, column=work, join=join, word=np.uint64, settings=read, users_at_once=4_096
    )


def compiled_run() -> Callable[..., tuple[int, int, int]]:
    """Return the compiled `crm_domain.simulation.kernel.life.run`, which is taken from numba's cache if it can be.

    Raises:
        ModuleNotFoundError: numba is not installed.
    """
    space = namespace()
    import numba  # noqa: PLC0415 - belongs to the extra

    # Numba looks at the function itself and at what it closes over, to see whether it has been compiled before.
    function = _entry(_fingerprint())
    copied = FunctionType(function.__code__, space, "run", None, function.__closure__)
    compiled: Callable[..., tuple[int, int, int]] = numba.njit(nogil=True, error_model="numpy", cache=True)(copied)
    return compiled


def _entry(fingerprint: int) -> Any:
    """Return the function that numba keeps: it does what *run* does, and closes over the fingerprint."""
    return lambda *arguments: (run(*arguments), fingerprint)[0]


def _unguarded() -> Any:
    """Return what makes a pointer of a column: of a column's places, compiled code asks each time whether they are below 0."""
    from numba.core import cgutils, types  # noqa: PLC0415 - belongs to the extra
    from numba.extending import intrinsic  # noqa: PLC0415 - belongs to the extra

    @intrinsic
    def unguarded(_: Any, column: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            make: Any = cgutils.create_struct_proxy
            return make(signature.args[0])(context, builder, arguments[0]).data

        pointer: Any = types.CPointer
        return pointer(column.dtype)(column), build

    return unguarded


@cache
def namespace() -> dict[str, Any]:
    """Return the compiled functions by their names, with all that they refer to.

    Raises:
        ModuleNotFoundError: numba is not installed.
    """
    try:
        import numba  # noqa: PLC0415 - belongs to the extra
        import numpy as np  # noqa: PLC0415 - belongs to the extra
        from numba.np.numpy_support import carray  # noqa: PLC0415 - belongs to the extra
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "The compiled engine needs numba: pip install 'crm-domain[fast]', or choose the engine 'plain'.",
            name=missing.name,
        ) from missing

    # None of them is called from Python: what that takes would only have to be compiled, too.
    options: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    jit = numba.njit(**options)
    space: dict[str, Any] = {"__name__": __name__, "math": math, **_constants()}
    space |= {name: np.uint64(space[name]) for module in _UNSIGNED for name in module.WORDS}
    space |= {"EDGE": np.array(streams.EDGE, np.uint64)}
    space |= {"WIDTH": np.array(streams.WIDTH), "HEIGHT": np.array(streams.HEIGHT)}

    space["as_word"] = jit(lambda number: np.uint64(number))  # noqa: PLW0108 - numba takes functions alone
    space["unguarded"] = _unguarded()
    space["in_order"] = jit(
        lambda m, begins, n: np.argsort(carray(m, begins + n)[begins : begins + n], kind="mergesort")
    )
    for function in _functions():
        copied = FunctionType(function.__code__, space, function.__name__)
        # Calls cost more than what most of them do; but what is rare would be in the way of what is not.
        space[function.__name__] = numba.njit(**options, forceinline=function not in streams.RARE)(copied)
    return space


def _functions() -> list[FunctionType]:
    return [function for module in _COMPILED for function in module.FUNCTIONS]


def _constants() -> dict[str, int | float]:
    """Return all numbers that the functions may refer to; one name stands for one number."""
    found: dict[str, int | float] = {}
    for module in (part, memory_layout, *_COMPILED):
        for name, value in vars(module).items():
            if isinstance(value, int | float):
                assert found.setdefault(name, value) == value, f"{name} is {found[name]} and {value}"
    return found


def _fingerprint() -> int:
    """Return a number that changes with everything that is compiled."""
    codes = [(f.__code__.co_code, f.__code__.co_consts, f.__code__.co_names) for f in _functions()]
    compiled = repr((codes, sorted(_constants().items()), streams.EDGE, streams.WIDTH, streams.HEIGHT))
    return int.from_bytes(hashlib.sha256(compiled.encode()).digest()[:7], "big")
