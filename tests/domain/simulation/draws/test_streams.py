"""Random draws: the same ones for ever, and as random as they should be.

Every test of randomness has a fixed seed, so that it gives the same answer each time; the level of each is
``ALPHA / TESTS``, so that a perfect generator would have failed one of them with a probability of at most `ALPHA`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import TypeAlias

import pytest

from crm_domain.simulation.draws.streams import (
    GOLDEN,
    MASK,
    Stream,
    exp,
    exponential,
    gamma,
    key_of,
    log,
    purpose_number,
    seed_keys,
    unit,
    word,
)

ALPHA = 0.001
TESTS = 30
LEVEL = ALPHA / TESTS
MANY = 60_000


# --- known answers --------------------------------------------------------------------------

KNOWN_KEYS = [(0x5692161D100B05E5, 0xE10B866DFE44741B), (0xCA79FD200561BA1D, 0xF8956F790810E6B2)]
KNOWN_WORDS = [0x0, 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x6C45D188009454F]
KNOWN_KEY = 0xD77D81764F5ABF0
KNOWN_DRAWS = [0xAC61D76703C8DECB, 0xEF78C763D9A78012, 0x1DD4EB5ABB8A59CD, 0xD829EED82E7BBD79]
KNOWN_PURPOSE = 0x85FA24E06B013BA3
KNOWN_EXPONENTIALS = [
    "0x1.0083d21bf4ccap+1",
    "0x1.2c72fd4738e46p-1",
    "0x1.21686cc3021f9p-3",
    "0x1.480e2aae8336dp+3",
    "0x1.7802899bc55eep+11",
]
KNOWN_GAMMAS = [
    "0x1.9736ec85391cep-91",
    "0x1.1e9326bb0b24ep-6",
    "0x1.8966aa1d68239p-1",
    "0x1.6ec05c52fd88dp+1",
    "0x1.37874ada0ea5bp+11",
]


def test_known_words() -> None:
    """A seed means the same draws in every version and on every machine."""
    assert [seed_keys(0), seed_keys(MASK)] == KNOWN_KEYS
    assert [word(n * GOLDEN & MASK, 0) for n in range(4)] == KNOWN_WORDS
    a, _ = seed_keys(42)
    assert key_of(key_of(a, 7), 3) == KNOWN_KEY
    assert [
        Stream(seed=42, user=user, purpose=purpose).word() for user, purpose in ((0, 0), (0, 1), (1, 0), (9, "x"))
    ] == KNOWN_DRAWS


def test_known_numbers() -> None:
    """To the last bit, the rare ways of the ziggurat and of the gamma distribution's rejection included."""
    a, b = seed_keys(42)
    drawn = [exponential((a + n * GOLDEN) & MASK, b) for n in range(3_000)]
    assert [number.hex() for number in (*drawn[:3], max(drawn), math.fsum(drawn))] == KNOWN_EXPONENTIALS
    shaped = [gamma((a + n * GOLDEN) & MASK, b, shape) for n in range(500) for shape in (0.05, 0.7, 1.0, 3.0)]
    assert [number.hex() for number in (*shaped[:4], math.fsum(shaped))] == KNOWN_GAMMAS


def test_purposes_with_names_are_apart_from_those_with_numbers() -> None:
    """A name stands for a number of 64 bits with the highest set; the built-in purposes are small."""
    assert purpose_number("lottery") == KNOWN_PURPOSE
    assert purpose_number("lottery") >> 63 == 1
    assert purpose_number("Lottery") != purpose_number("lottery")


# --- portable functions -----------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-300, 1e-16, 1.0, 1e16, 1e300])
def test_log_is_the_logarithm(scale: float) -> None:
    """To an error of a few units in the last place."""
    for n in range(1, 2_000):
        x = scale * (n / 1_000)
        assert log(x) == pytest.approx(math.log(x), rel=5e-16, abs=1.2e-16)


def test_exp_is_the_exponential_function() -> None:
    """For numbers that are not above 0; far below it is 0."""
    for n in range(7_000):
        assert exp(-n / 10.0) == pytest.approx(math.exp(-n / 10.0), rel=5e-16)
    assert exp(-701.0) == exp(-1e308) == 0.0


# --- the battery ------------------------------------------------------------------------------


def within_a_stream(seed: int) -> list[int]:
    """Draw one after the other for one purpose of one user."""
    stream = Stream(seed=seed, user=5, purpose=2)
    return [stream.word() for _ in range(MANY)]


def across_users(seed: int) -> list[int]:
    """Draw the first word of many users."""
    a, b = seed_keys(seed)
    return [word((key_of(key_of(a, user), 2) + GOLDEN) & MASK, key_of(b, user)) for user in range(MANY)]


def across_purposes(seed: int) -> list[int]:
    """Draw the first words of the purposes of many users."""
    a, b = seed_keys(seed)
    return [
        word((key_of(key_of(a, user), purpose) + GOLDEN) & MASK, key_of(b, user))
        for user in range(MANY // 16)
        for purpose in range(16)
    ]


def across_seeds(_: int) -> list[int]:
    """Draw the first word under seeds that follow one another."""
    return [Stream(seed=seed, user=0, purpose=0).word() for seed in range(MANY // 4)]


Source: TypeAlias = Callable[[int], list[int]]
SOURCES: list[Source] = [within_a_stream, across_users, across_purposes, across_seeds]


def chi_square_limit(freedom: int, level: float) -> float:
    """Return what a chi-square statistic exceeds with this probability (Wilson and Hilferty)."""
    z = NormalDist().inv_cdf(1 - level)
    return freedom * (1 - 2 / (9 * freedom) + z * math.sqrt(2 / (9 * freedom))) ** 3


def chi_square(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Return the chi-square statistic."""
    return math.fsum((n - e) ** 2 / e for n, e in zip(counts, expected, strict=True))


def kolmogorov_distance(drawn: Sequence[float], law: Callable[[float], float]) -> float:
    """Return the greatest distance of the empirical distribution from *law*, times the square root of the size."""
    n = len(drawn)
    values = [law(x) for x in sorted(drawn)]
    distance = max(max((i + 1) / n - v, v - i / n) for i, v in enumerate(values))
    return math.sqrt(n) * distance


KOLMOGOROV_LIMIT = math.sqrt(-math.log(LEVEL / 2) / 2)
"""What sqrt(n) times the distance exceeds with a probability of at most `LEVEL` (Dvoretzky, Kiefer, Wolfowitz, Massart)."""


@pytest.mark.parametrize("source", SOURCES)
def test_words_are_even(source: Source) -> None:
    """Their highest and lowest bytes fill 256 cells evenly, and pairs of them in a row too."""
    words = source(1)
    for shift in (56, 0):
        counts = [0] * 256
        for drawn in words:
            counts[drawn >> shift & 255] += 1
        assert chi_square(counts, [len(words) / 256] * 256) < chi_square_limit(255, LEVEL / 4)
        pairs = [0] * 256
        for one, other in zip(words[::2], words[1::2], strict=True):
            pairs[(one >> shift & 15) << 4 | other >> shift & 15] += 1
        assert chi_square(pairs, [len(words) / 512] * 256) < chi_square_limit(255, LEVEL / 4)


@pytest.mark.parametrize("source", SOURCES)
def test_every_bit_is_balanced(source: Source) -> None:
    """Each of the 64 is set half of the time, and changes half of the time from one draw to the next."""
    words = source(2)
    limit = NormalDist().inv_cdf(1 - LEVEL / 256)
    for bit in range(64):
        bits = [drawn >> bit & 1 for drawn in words]
        changes = sum(one != other for one, other in pairwise(bits))
        for count, of in ((sum(bits), len(bits)), (changes, len(bits) - 1)):
            assert abs(count - of / 2) / math.sqrt(of / 4) < limit, bit


@pytest.mark.parametrize("source", SOURCES)
def test_draws_in_a_row_are_not_correlated(source: Source) -> None:
    """At lags 1, 2, 16 and 17."""
    numbers = [unit(drawn) - 0.5 for drawn in source(3)]
    limit = NormalDist().inv_cdf(1 - LEVEL / 8)
    for lag in (1, 2, 16, 17):
        products = [one * other for one, other in zip(numbers, numbers[lag:], strict=False)]
        assert abs(math.fsum(products)) * 12 / math.sqrt(len(products)) < limit


@pytest.mark.parametrize("source", SOURCES)
def test_birthdays_are_spaced_by_chance(source: Source) -> None:
    """Marsaglia's: of 512 birthdays in a year of 2**24 days, spacings that are equal follow a Poisson distribution of mean 2."""
    words = source(4)
    repeated, years = 0, len(words) // 512
    for year in range(years):
        for shift in (40, 0):
            days = sorted(drawn >> shift & 0xFFFFFF for drawn in words[year * 512 : year * 512 + 512])
            spacings = [b - a for a, b in pairwise(days)]
            repeated += len(spacings) - len(set(spacings))
    mean = 512**3 / 2**26 * years * 2
    assert abs(repeated - mean) / math.sqrt(mean) < NormalDist().inv_cdf(1 - LEVEL / 2)


@pytest.mark.parametrize("source", SOURCES)
def test_words_flip_half_their_bits_when_the_address_changes(source: Source) -> None:
    """The distance of neighbours is binomial: 64 fair coins."""
    distances = [0] * 65
    words = source(5)
    for one, other in pairwise(words):
        distances[(one ^ other).bit_count()] += 1
    cells = [range(24), *(range(d, d + 1) for d in range(24, 41)), range(41, 65)]
    counts = [sum(distances[d] for d in cell) for cell in cells]
    expected = [math.fsum(math.comb(64, d) for d in cell) / 2**64 * (len(words) - 1) for cell in cells]
    assert chi_square(counts, expected) < chi_square_limit(len(cells) - 1, LEVEL)


def test_exponential_draws_follow_their_law() -> None:
    """The whole distribution, over a stream and over users; and the tail behind the ziggurat's last layer."""
    a, b = seed_keys(6)
    drawn = [exponential((a + n * GOLDEN) & MASK, b) for n in range(4 * MANY)]
    assert kolmogorov_distance(drawn, lambda x: 1 - math.exp(-x)) < KOLMOGOROV_LIMIT
    across = [exponential((key_of(key_of(a, user), 4) + GOLDEN) & MASK, key_of(b, user)) for user in range(MANY)]
    assert kolmogorov_distance(across, lambda x: 1 - math.exp(-x)) < KOLMOGOROV_LIMIT
    tail, mean = sum(x > 7.7 for x in drawn), 4 * MANY * math.exp(-7.7)
    assert abs(tail - mean) / math.sqrt(mean) < NormalDist().inv_cdf(1 - LEVEL / 2)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.5])
def test_gamma_draws_follow_their_law(shape: float) -> None:
    """By the distribution's closed forms: of shape 1/2 by the error function, of 1 exponential, of 5/2 both together."""

    def law(x: float) -> float:
        root = math.erf(math.sqrt(x))
        if shape == 1.0:
            return 1 - math.exp(-x)
        return root if shape == 0.5 else root - math.exp(-x) * math.sqrt(x / math.pi) * (2 + 4 * x / 3)

    a, b = seed_keys(7)
    drawn = [gamma(key_of(a, n), key_of(b, n), shape) for n in range(MANY // 3)]
    assert kolmogorov_distance(drawn, law) < KOLMOGOROV_LIMIT


def test_the_stream_of_a_behaviour_draws_what_it_says() -> None:
    """Chances, whole numbers, and means."""
    luck = Stream(seed=3, user=1, purpose="dice")
    faces = [luck.below(6) for _ in range(6_000)]
    assert chi_square([faces.count(face) for face in range(6)], [1_000] * 6) < chi_square_limit(5, LEVEL)
    hits = sum(luck.chance(0.25) for _ in range(6_000))
    assert abs(hits - 1_500) / math.sqrt(1_125) < NormalDist().inv_cdf(1 - LEVEL / 2)
    total = math.fsum(luck.exponential(mean=2.0) for _ in range(6_000))
    assert abs(total / 2 - 6_000) / math.sqrt(6_000) < NormalDist().inv_cdf(1 - LEVEL / 2)
    assert all(0 <= luck.uniform() < 1 for _ in range(100))
