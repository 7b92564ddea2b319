"""Where does chance come from? From hashed counters, so that every draw has an address.

A draw is keyed by seed, user, purpose and number, and depends on nothing else: not on what was drawn
before, by whom, or on which engine. So users can be simulated in any order, and two scenarios meet
the same luck (common random numbers) wherever they ask the same question.

A word of 64 bits is a hash of a counter (SplitMix64's, with a salt in its middle). The counter starts
at a key of seed, user and purpose; the salt is a second key, of seed and user: two streams would
have to agree in both to overlap.

Everything is portable bit for bit: whole numbers, and of floats only what IEEE 754 defines
(``+ - * /``, square roots, scaling by powers of two). Logarithms are our own, because no two libraries
agree on theirs. The functions take and return plain numbers, and run as they stand or compiled.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

# Words, and their constants. All that meets a word is a constant with a name: compiled code needs them as
# unsigned numbers.
MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
GOLDEN: Final = 0x9E37_79B9_7F4A_7C15
"""How far a counter goes on: 2**64 over the golden ratio, odd."""

_FIRST: Final = 0xBF58_476D_1CE4_E5B9
_SECOND: Final = 0x94D0_49BB_1331_11EB
_SALTED: Final = 0xD1B5_4A32_D192_ED03
_30: Final = 30
_27: Final = 27
_31: Final = 31
_11: Final = 11
_LAYER: Final = 0xFF
WORDS: Final = ("MASK", "GOLDEN", "_FIRST", "_SECOND", "_SALTED", "_30", "_27", "_31", "_11", "_LAYER")
"""The names of the constants that meet words."""

_UNIT: Final = 2.0**-53

# --- words ----------------------------------------------------------------------------------


def word(counter: int, salt: int) -> int:
    """Return the 64 bits at a counter; for every salt a permutation of all counters."""
    mixed = ((counter ^ (counter >> _30)) * _FIRST) & MASK ^ salt
    mixed = ((mixed ^ (mixed >> _27)) * _SECOND) & MASK
    return mixed ^ (mixed >> _31)


def key_of(base: int, number: int) -> int:
    """Return the key of one of many: of a user under a seed, of a purpose under a user."""
    return word((base + (number * GOLDEN & MASK)) & MASK, _SALTED)


def seed_keys(seed: int) -> tuple[int, int]:
    """Return the two keys that all others come from.

    Raises:
        TypeError, ValueError: The seed is not a whole number of 64 bits.
    """
    if type(seed) is not int:
        raise TypeError(f"seed: expected a whole number, got {type(seed).__name__}")
    if not 0 <= seed <= MASK:
        raise ValueError(f"seed: expected a whole number from 0 to {MASK}, got {seed}")
    return word(seed, _FIRST), word(seed, _SECOND)


# --- laws -----------------------------------------------------------------------------------


def unit(bits: int) -> float:
    """Return a number from [0, 1), evenly distributed over the multiples of 2**-53."""
    return float(bits >> _11) * _UNIT


def exponential(counter: int, salt: int) -> float:
    """Return a number from the exponential distribution of mean 1, by the ziggurat method."""
    bits = word(counter, salt)
    layer = bits & _LAYER
    across = bits >> _11
    if across < EDGE[layer]:
        return float(across) * WIDTH[layer]
    return exponential_at_edge(bits, salt)


def exponential_at_edge(bits: int, salt: int) -> float:
    """Return the same where the first 64 bits (one time in 90) do not suffice; more are hashed from them."""
    while True:
        layer = bits & _LAYER
        across = bits >> _11
        if across < EDGE[layer]:
            return float(across) * WIDTH[layer]
        bits = word((bits + GOLDEN) & MASK, salt)
        if layer == 0:
            return TAIL - log(1.0 - unit(bits))
        drawn = float(across) * WIDTH[layer]
        if -log(HEIGHT[layer] + unit(bits) * (HEIGHT[layer - 1] - HEIGHT[layer])) > drawn:
            return drawn
        bits = word((bits + GOLDEN) & MASK, salt)


def gamma(counter: int, salt: int, shape: float) -> float:
    """Return a number from the gamma distribution of this shape and scale 1 (Marsaglia and Tsang, 2000)."""
    boosted = shape if shape >= 1.0 else shape + 1.0
    d = boosted - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        # A normal number, by the polar method: the coordinates of a point in the unit circle.
        counter = (counter + GOLDEN) & MASK
        x = 2.0 * unit(word(counter, salt)) - 1.0
        counter = (counter + GOLDEN) & MASK
        y = 2.0 * unit(word(counter, salt)) - 1.0
        square = x * x + y * y
        if square >= 1.0 or square == 0.0:
            continue
        normal = x * math.sqrt(-2.0 * log(square) / square)
        counter = (counter + GOLDEN) & MASK
        accept = 1.0 - unit(word(counter, salt))
        v = 1.0 + c * normal
        v = v * v * v
        if accept < 1.0 - 0.0331 * normal * normal * normal * normal:  # which the next condition follows from
            break
        if v > 0.0 and log(accept) < 0.5 * normal * normal + d - d * v + d * log(v):
            break
    if shape >= 1.0:
        return d * v
    counter = (counter + GOLDEN) & MASK
    return d * v * exp(log(1.0 - unit(word(counter, salt))) / shape)


# --- portable functions -----------------------------------------------------------------------

_LN2_HIGH: Final = 0.6931471803691238
_LN2_LOW: Final = 1.9082149292705877e-10
_ROOT_HALF: Final = 0.7071067811865476


def log(x: float) -> float:
    """Return the natural logarithm of a positive number, to an error of some 1e-16."""
    mantissa, exponent = math.frexp(x)
    if mantissa < _ROOT_HALF:
        mantissa += mantissa
        exponent -= 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    # 2 artanh(s), whose series is below 1e-17 behind these terms
    series = 1.0 / 21.0 + z * (1.0 / 23.0)
    for n in (19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        series = 1.0 / n + z * series
    return float(exponent) * _LN2_HIGH + (2.0 * s + (2.0 * s * z * series + float(exponent) * _LN2_LOW))


def exp(x: float) -> float:
    """Return e to the power of a number that is not above 0, to a relative error of some 1e-16; 0 below -700."""
    if not x > -700.0:  # noqa: PLR2004 - said in words
        return 0.0
    doublings = math.floor(x / (_LN2_HIGH + _LN2_LOW) + 0.5)
    r = x - doublings * _LN2_HIGH - doublings * _LN2_LOW
    series = 1.0
    for n in (14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0):
        series = 1.0 + series * r / n
    return math.ldexp(series, int(doublings))


# --- the ziggurat -----------------------------------------------------------------------------

TAIL: Final = 7.69711747013104972
"""Where the tail begins, with 256 layers (Marsaglia and Tsang, 2000)."""

_AREA: Final = 3.949659822581572e-3
_AT_TAIL: Final = 4.5413435384149676e-4


def _ziggurat() -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    """Return for each layer up to where it is all under the curve, its width, and the curve's height at its edge."""
    x, height = [0.0] * 256, [0.0] * 256
    x[255], height[255] = TAIL, _AT_TAIL
    for n in range(254, 0, -1):
        height[n] = height[n + 1] + _AREA / x[n + 1]
        x[n] = -log(height[n])
    height[0] = 1.0
    base = _AREA / _AT_TAIL
    width = [base, *x[1:]]
    inner = [TAIL, 0.0, *x[1:255]]
    edge = (int(i / w * 2.0**53) for i, w in zip(inner, width, strict=True))
    return tuple(edge), tuple(w * _UNIT for w in width), tuple(height)


EDGE, WIDTH, HEIGHT = _ziggurat()

FUNCTIONS: Final = (word, key_of, unit, log, exp, exponential_at_edge, exponential, gamma)
"""What can be compiled, each after what it needs."""

RARE: Final = (log, exp, exponential_at_edge, gamma)
"""Those of them that are needed less often than once a user's every event."""


class Stream:
    """Draws for one purpose of one user, one after the other.

    Args:
        seed: Of the run, a whole number from 0 to 2**64 - 1.
        user: The user's number.
        purpose: A name, or the number of a purpose of the built-in behaviour.

    Example:
        >>> luck = Stream(seed=1, user=7, purpose="lottery")
        >>> luck.chance(0.5), luck.exponential(mean=2.0), luck.below(6)
        (False, 0.012825657304840385, 2)
    """

    __slots__ = ("_counter", "_salt")

    def __init__(self, *, seed: int, user: int, purpose: str | int) -> None:
        a, b = seed_keys(seed)
        number = purpose_number(purpose) if isinstance(purpose, str) else purpose
        self._counter = key_of(key_of(a, user), number)
        self._salt = key_of(b, user)

    def word(self) -> int:
        """Draw 64 bits."""
        self._counter = (self._counter + GOLDEN) & MASK
        return word(self._counter, self._salt)

    def uniform(self) -> float:
        """Draw from [0, 1)."""
        return unit(self.word())

    def chance(self, probability: float) -> bool:
        """Draw whether something of this probability happens."""
        return self.uniform() < probability

    def exponential(self, mean: float = 1.0) -> float:
        """Draw from the exponential distribution."""
        self._counter = (self._counter + GOLDEN) & MASK
        return exponential(self._counter, self._salt) * mean

    def below(self, count: int) -> int:
        """Draw a whole number from 0 to *count* - 1."""
        return self.word() * count >> 64


def purpose_number(name: str) -> int:
    """Return the number that a purpose's name stands for, always the same, and none of the built-in ones."""
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") | 1 << 63
