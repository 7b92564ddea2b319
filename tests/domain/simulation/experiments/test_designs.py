"""Experiments give the same whoever does the work, and say how sure they are and how far they came."""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import attrs
import click
import pytest
from attrs import define, field

from crm_domain.simulation import (
    Activity,
    Interrupted,
    Replications,
    Run,
    Scenario,
    UnknownParameter,
    compare,
    replicate,
    replicate_until,
    simulate,
    sweep,
    with_parameters,
)
from crm_domain.simulation.engines import CHUNKS, engine_named, resolved
from crm_domain.simulation.experiments.chunks import Chunk
from crm_domain.simulation.kernel.compiled import simulate_compiled
from crm_domain.simulation.kernel.plain import simulate_plain
from crm_domain.simulation.reference.behaviours import Process, User, wait
from crm_domain.simulation.results.intervals import mean_interval, paired_difference

SMALL = Scenario(crm_users=30, regular_users=10, days=20)
LARGE = Scenario(crm_users=50, regular_users=10, days=5)
"""Three chunks of the plain engine, as `_small_chunks` cuts them."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHUNKS, "plain", 25)


@define
class AtOnce(Executor):
    """Does what it is given before it answers, and notes how large it was."""

    sizes: list[int] = field(factory=list)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sizes.append(len(pickle.dumps(args)))
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


@pytest.fixture
def last_first(monkeypatch: pytest.MonkeyPatch) -> AtOnce:
    """An executor whose chunks are done in the opposite order."""
    monkeypatch.setattr(
        "crm_domain.simulation.experiments.executors.as_completed", lambda futures: reversed(list(futures))
    )
    return AtOnce()


@pytest.fixture(scope="module")
def recordings() -> tuple[list[float], list[float]]:
    """Recordings of 1200 times 4 users who have the same luck, with 4 free credits and with 2."""
    activity = Activity(recordings_per_day=0.3, job_requests_per_day=0, logins_per_day=0, views_per_day=0)
    scenario = Scenario(crm_users=4 * 1200, regular_users=0, days=12, activity=activity)
    columns = [
        simulate(with_parameters(scenario, {"policy.initial_credits": credit}), 5, engine="plain").users["recordings"]
        for credit in (4, 2)
    ]
    base, two = ([float(sum(column[n : n + 4])) for n in range(0, len(column), 4)] for column in columns)
    return base, two


def stopping(after: int) -> Callable[[int, int], None]:
    """Return a progress callback that Ctrl-C strikes when so many users are done."""

    def progress(done: int, total: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    return progress


# --- once -----------------------------------------------------------------------------------


def test_a_run_is_that_of_all_its_users_at_once() -> None:
    """Chunks add up, and tables are in the order of users."""
    run = simulate(LARGE, 4, engine="plain", keep={"users", "events"})
    whole = engine_named("plain")(LARGE, 4, range(LARGE.users), frozenset({"users", "events"}))
    assert run.part.same(whole)
    assert run.users["user"].tolist() == list(range(60))
    assert (run.engine, run.seed, run.scenario, run.crm) == ("plain", 4, LARGE, None)


@pytest.mark.parametrize("keep", [(), "events", {"users", "events"}])
def test_a_run_is_the_same_in_whatever_order_its_chunks_are_done(last_first: AtOnce, keep: Any) -> None:
    """Here one after the other, there the last one first; what is sent is small."""
    assert simulate(LARGE, 4, engine="plain", keep=keep).part.same(
        simulate(LARGE, 4, engine="plain", keep=keep, executor=last_first).part
    )
    assert max(last_first.sizes) < 5000


def test_threads_give_the_same() -> None:
    """To the last bit."""
    with ThreadPoolExecutor(2) as executor:
        run = simulate(LARGE, 4, engine="plain", executor=executor)
    assert run.part.same(simulate(LARGE, 4, engine="plain").part)


def test_the_reference_engine_gives_the_model_too() -> None:
    """And the same counts; spread over an executor the counts alone, for there are many models then."""
    told: list[tuple[int, int]] = []
    run = simulate(LARGE, 4, engine="reference", progress=lambda done, total: told.append((done, total)))
    assert run.crm is not None
    assert run.crm.as_service().count("crm_users") == 50
    assert told == [(60, 60)]
    assert run.part.same(simulate(LARGE, 4, engine="plain").part)
    with ThreadPoolExecutor(1) as executor:
        there = simulate(LARGE, 4, engine="reference", executor=executor)
    assert there.crm is None
    assert there.part.same(run.part)


def test_an_interrupted_model_says_that_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its users live in one time, so that none of them is done before all are."""

    def pressed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crm_domain.simulation.experiments.chunks.simulate_reference", pressed)
    with pytest.raises(Interrupted, match="interrupted after 0 of 60 users"):
        simulate(LARGE, engine="reference")


def applying(who: User) -> Process:
    """Apply once a day, and do nothing else."""
    while True:
        yield wait(days=1)
        yield who.job_request()


def test_behaviours_of_ones_own_are_simulated_and_replicated() -> None:
    """On the reference engine; a behaviour that hangs on no chance gives the same under every seed."""
    run = simulate(LARGE, behaviour=applying)
    assert run.engine == "reference"
    assert (run.figure("job_requests"), run.figure("recordings")) == (60 * 4, 0)
    replications = replicate(LARGE, 2, behaviour=applying)
    assert replications.values("job_requests") == [240, 240]
    assert replications.interval("revenue").high == 0


def test_little_work_is_not_worth_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` takes the plain engine for it, and the compiled one where much is to be done, all runs together."""
    monkeypatch.setattr("crm_domain.simulation.engines.find_spec", lambda name: object())
    assert simulate(SMALL).engine == "plain"
    assert replicate(SMALL, 2)[0].engine == "plain"
    monkeypatch.setattr("crm_domain.simulation.engines.WORTH_COMPILING", 1600)
    monkeypatch.setattr("crm_domain.simulation.experiments.chunks.engine_named", lambda *_: engine_named("plain"))
    monkeypatch.setitem(CHUNKS, "compiled", 100)
    assert simulate(SMALL).engine == "plain"
    assert replicate(SMALL, 2)[0].engine == "compiled"
    assert replicate_until(SMALL, half_width=1e9, least=2)[0].engine == "compiled"


def test_the_fast_engines_know_the_built_in_behaviour_alone() -> None:
    """Another one is refused, not ignored."""
    with pytest.raises(ValueError, match=r"'plain' knows the built-in behaviour alone: .* runs on 'reference'"):
        simulate(LARGE, engine="plain", behaviour=applying)


def test_nobody_is_a_scenario_too() -> None:
    """Its figures are 0 or none."""
    run = simulate(Scenario(crm_users=0, regular_users=0), engine="plain")
    assert run.figures["revenue"] == 0
    assert run.figures["arpu"] is None


def test_the_default_scenario_needs_no_argument() -> None:
    """It is the one of `Scenario()`, under seed 0."""
    with pytest.raises(Interrupted) as interrupted:
        simulate(engine="plain", progress=stopping(1))
    assert isinstance(interrupted.value.partial, Run)
    assert (interrupted.value.partial.scenario, interrupted.value.partial.seed) == (Scenario(), 0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"engine": "quantum"}, "engine: there is no 'quantum'; there are auto, compiled, plain, reference"),
        ({"keep": {"user"}}, "keep: there is no table 'user'; did you mean users"),
    ],
)
def test_runs_that_there_are_not(how: dict[str, Any], said: str) -> None:
    """The reason is told."""
    with pytest.raises(ValueError, match=said):
        simulate(SMALL, **how)


def test_engines_are_found_by_their_names() -> None:
    """The two that share the kernel are the functions of their modules."""
    assert (engine_named("plain"), engine_named("compiled")) == (simulate_plain, simulate_compiled)


def test_the_compiled_engine_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numba it is refused, and `auto` never takes it."""
    monkeypatch.setattr("crm_domain.simulation.engines.find_spec", lambda name: None)
    assert resolved("auto") == "plain"
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'crm-domain\[fast\]'"):
        simulate(SMALL, engine="compiled")


# --- progress and interrupts ----------------------------------------------------------------


def test_progress_is_told_after_each_chunk() -> None:
    """In users: how many are done, and of how many."""
    told: list[tuple[int, int]] = []
    simulate(LARGE, engine="plain", progress=lambda done, total: told.append((done, total)))
    assert told == [(25, 60), (50, 60), (60, 60)]
    told.clear()
    replicate(SMALL, 2, engine="plain", progress=lambda done, total: told.append((done, total)))
    assert told == [(25, 80), (40, 80), (65, 80), (80, 80)]


def test_progress_fits_a_bar() -> None:
    """One that wants increments."""
    with click.progressbar(length=LARGE.users, file=io.StringIO()) as bar:
        simulate(LARGE, engine="plain", progress=lambda done, _: bar.update(done - bar.pos))
    assert bar.pos == LARGE.users


def test_an_interrupted_run_says_how_far_it_came() -> None:
    """And holds the run of the first users; it is a KeyboardInterrupt, so that nothing takes it for an error."""
    with pytest.raises(KeyboardInterrupt) as raised:
        simulate(LARGE, 4, engine="plain", progress=stopping(50))
    interrupted = raised.value
    assert isinstance(interrupted, Interrupted)
    assert (str(interrupted), interrupted.total) == ("interrupted after 50 of 60 users", 60)
    assert interrupted.done == 50
    assert isinstance(interrupted.partial, Run)
    assert interrupted.partial.part.same(engine_named("plain")(LARGE, 4, range(50), frozenset({"users"})))
    assert str(interrupted.partial).startswith("50 of 60 users, 5 days")


def test_an_interrupt_before_anything_is_done_leaves_nothing() -> None:
    """There is no run of nobody."""

    class Pressed(AtOnce):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as interrupted:
        simulate(LARGE, engine="plain", executor=Pressed())
    assert (interrupted.value.done, interrupted.value.partial) == (0, None)


def test_interrupted_replications_leave_the_whole_ones() -> None:
    """In the order of their seeds."""
    with pytest.raises(Interrupted) as interrupted:
        replicate(SMALL, [5, 3, 4], engine="plain", progress=stopping(120))
    partial = interrupted.value.partial
    assert isinstance(partial, Sequence)
    assert [run.seed for run in partial] == [3, 5]


# --- many times -----------------------------------------------------------------------------


def test_replications_are_runs_under_their_seeds() -> None:
    """Seeds are numbered from 0 unless they are named; each run is what `simulate` gives."""
    assert replicate(SMALL, 3, engine="plain").seeds == (0, 1, 2)
    replications = replicate(SMALL, [7, 1], engine="plain")
    assert [run.seed for run in replications] == [7, 1] == list(replications.seeds)
    assert replications[0].part.same(simulate(SMALL, 7, engine="plain", keep=()).part)
    assert len(replications[:1]) == 1


@pytest.mark.parametrize(
    ("seeds", "more", "said"),
    [
        (0, {}, "seeds: there must be at least one"),
        ([1, 2, 1], {}, "seeds: one is there twice"),
        (3, {"method": "bayes"}, "method: there is no 'bayes'"),
        (3, {"level": 95}, "level: expected a number between 0 and 1, got 95"),
    ],
)
def test_replications_that_cannot_be(seeds: Any, more: dict[str, Any], said: str) -> None:
    """It is said before any work is done."""
    with pytest.raises(ValueError, match=said):
        replicate(SMALL, seeds, engine="plain", progress=stopping(0), **more)


def test_it_goes_on_until_a_figure_is_precise() -> None:
    """And stops at the first number of replications at which it is; seeds begin at 0."""
    found = replicate_until(SMALL, "recordings", relative=0.05, least=3, engine="plain")
    interval = found.interval("recordings")
    assert interval.half_width <= 0.05 * interval.estimate
    assert found.seeds == tuple(range(len(found)))
    assert len(found) > 3
    for count in range(3, len(found)):
        shorter = Replications(scenario=SMALL, runs=found.runs[:count]).interval("recordings")
        assert shorter.half_width > 0.05 * shorter.estimate


def test_where_it_stops_hangs_on_no_worker(last_first: AtOnce) -> None:
    """Also if later seeds are done first."""
    goals: dict[str, Any] = {"half_width": 4.0, "least": 2, "most": 30}
    here = replicate_until(SMALL, "recordings", engine="plain", **goals)
    there = replicate_until(SMALL, "recordings", engine="plain", executor=last_first, **goals)
    assert here.seeds == there.seeds
    assert here.columns() == there.columns()


def test_it_stops_at_the_most_replications() -> None:
    """Though the figure is not precise by then."""
    assert len(replicate_until(SMALL, half_width=0.001, least=2, most=4, engine="plain")) == 4


@pytest.mark.parametrize(
    ("goals", "said"),
    [
        ({}, "give either half_width or relative"),
        ({"half_width": 1, "relative": 0.1}, "give either half_width or relative"),
        ({"relative": 0}, "give either half_width or relative, above 0"),
        ({"relative": 0.1, "least": 1}, "expected 2 <= least <= most, got 1 and 1000"),
        ({"relative": 0.1, "figure": "revenu"}, "did you mean revenue"),
        ({"relative": 0.1, "level": 2}, "level: expected"),
    ],
)
def test_goals_that_cannot_be(goals: dict[str, Any], said: str) -> None:
    """The reason is told."""
    with pytest.raises(ValueError, match=said):
        replicate_until(SMALL, engine="plain", **goals)


def test_stopping_early_costs_little_coverage(recordings: tuple[list[float], list[float]]) -> None:
    """Of 60 experiments that stop by themselves, the intervals of all but some 5 % hold the truth.

    At most 3.9 standard errors fewer, which chance alone does once in 10,000 times, and 5 % for stopping early.
    """
    numbers = recordings[0]
    truth, level, experiments = sum(numbers) / len(numbers), 0.95, 60
    held, early = 0, 0
    for n in range(experiments):
        count, mine = 10, numbers[20 * n : 20 * (n + 1)]
        while count < 20 and not _is_precise(mine[:count], 0.19):
            count += 1
        interval = mean_interval(mine[:count], level)
        held += interval.low <= truth <= interval.high
        early += count < 20
    assert early > experiments / 2
    assert held >= (level - 0.05) * experiments - 3.9 * math.sqrt(experiments * level * (1 - level))


def _is_precise(numbers: list[float], relative: float) -> bool:
    interval = mean_interval(numbers)
    return interval.half_width <= relative * interval.estimate


# --- against others -------------------------------------------------------------------------


def test_a_scenario_does_not_differ_from_itself() -> None:
    """Under the same seeds there is the same luck, so that the difference is 0 and certain."""
    found = compare(SMALL, {"same": SMALL}, 4, engine="plain")
    gap = found.difference("same", "revenue")
    assert (gap.low, gap.estimate, gap.high) == (0, 0, 0)
    assert not gap.excludes_zero


def test_differences_are_taken_seed_by_seed() -> None:
    """Of the figure's values, in the order of the seeds."""
    variant = with_parameters(SMALL, {"policy.initial_credits": 1})
    found = compare(SMALL, {"one": variant}, [3, 9, 5], engine="plain")
    base, one = (replicate(s, [3, 9, 5], engine="plain").numbers("recordings") for s in (SMALL, variant))
    assert found.difference("one", "recordings").estimate == pytest.approx(
        sum(b - a for a, b in zip(base, one, strict=True)) / 3
    )
    assert found.differences("recordings") == {"one": found.difference("one", "recordings")}


def test_common_random_numbers_make_differences_sharp() -> None:
    """The interval of the paired difference is narrower than that of either mean."""
    variant = with_parameters(SMALL, {"policy.price": Decimal("14.99")})
    found = compare(SMALL, {"dearer": variant}, 8, engine="plain")
    assert found.difference("dearer", "revenue").half_width < 0.4 * found.base.interval("revenue").half_width


def test_paired_differences_hold_the_truth_as_often_as_they_say(recordings: tuple[list[float], list[float]]) -> None:
    """Of the simulation itself: 150 experiments of 8 pairs against the mean difference over all 1200.

    The count is within 3.9 standard errors of 90 %, which chance leaves once in 10,000 times.
    """
    base, two = recordings
    truth = (sum(two) - sum(base)) / len(base)
    gaps = [paired_difference(base[n : n + 8], two[n : n + 8], 0.9) for n in range(0, 1200, 8)]
    held = sum(gap.low <= truth <= gap.high for gap in gaps)
    assert abs(held - 135) <= 3.9 * math.sqrt(150 * 0.9 * 0.1)


def test_intervals_of_several_variants_hold_together() -> None:
    """They are made at a higher level (Bonferroni), unless each shall stand for itself."""
    found = sweep(SMALL, {"policy.initial_credits": [1, 2]}, 4, engine="plain")
    assert found.level == pytest.approx(0.975)
    alone = attrs.evolve(found, simultaneous=False)
    assert alone.level == 0.95
    name = "policy.initial_credits=1"
    assert alone.difference(name, "recordings").half_width < found.difference(name, "recordings").half_width


def test_a_comparison_needs_a_variant() -> None:
    """And an interval two seeds."""
    with pytest.raises(ValueError, match="there is no variant"):
        compare(SMALL, {}, engine="plain")
    with pytest.raises(ValueError, match="at least 2 values, got 1: make more replications"):
        compare(SMALL, {"same": SMALL}, 1, engine="plain").difference("same", "revenue")


def test_sweeps_try_every_combination() -> None:
    """The last parameter changes first; the table has a column for each."""
    found = sweep(SMALL, {"policy.initial_credits": [1, 6], "payments.early": [0, 0.5]}, 2, engine="plain")
    assert list(found.points.values()) == [
        {"policy.initial_credits": free, "payments.early": early} for free in (1, 6) for early in (0, 0.5)
    ]
    assert list(found.variants) == list(found.points)
    grid = found.grid(["recordings"])
    assert list(grid) == ["policy.initial_credits", "payments.early", "recordings", "recordings_low", "recordings_high"]
    assert grid["policy.initial_credits"] == [1, 1, 6, 6]
    one = found.variants["policy.initial_credits=1, payments.early=0.5"]
    assert one.scenario == with_parameters(SMALL, {"policy.initial_credits": 1, "payments.early": 0.5})
    assert grid["recordings"][1] == one.interval("recordings").estimate


def test_sweeps_of_unknown_parameters_name_near_ones() -> None:
    """Before anything is simulated."""
    with pytest.raises(UnknownParameter, match=r"did you mean policy\.initial_credits"):
        sweep(SMALL, {"policy.inital_credits": [1]}, progress=stopping(0))


def test_a_chunk_says_what_it_is_about() -> None:
    """The users and the seed."""
    assert str(Chunk("plain", SMALL, 7, range(20_000, 40_000))) == "users 20,000 to 39,999 of seed 7"


def test_what_an_engine_raises_names_users_and_seed() -> None:
    """In a note."""
    with pytest.raises(ValueError, match="seed") as raised:
        simulate(SMALL, -1, engine="plain")
    assert raised.value.__notes__ == ["while simulating users 0 to 24 of seed -1"]
