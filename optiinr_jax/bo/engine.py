"""The search as pure ask and tell: a plain state in, a plain state out.

`ask` is a function of the settings and the record alone: same seed, same record, same proposal, in
whatever process. Here is the host edge: float64 is switched on for the calls below, scores are
warped, arrays are padded to a capacity of a fixed ladder, and duplicates are turned away.
"""

import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from optiinr_jax.bo.acquisition import ACQUISITIONS, Acquisition
from optiinr_jax.bo.feasibility import fit_limits, is_feasible, pad_limits
from optiinr_jax.bo.held import Held, impose, make_bounds
from optiinr_jax.bo.host import host_scope
from optiinr_jax.bo.hyperparameters import Data, fit_best
from optiinr_jax.bo.kernels import KERNELS, Kernel, split_kernel
from optiinr_jax.bo.preference import make_preference
from optiinr_jax.bo.propose import make_draws, propose
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.warp import WARPS, Warp, get_warp
from optiinr_jax.checks import check_whole, checked_by_hand, plain_numbers

NONE_HELD: Held = {}
FAILED = math.nan  # value of a trial that gave none
CAPACITIES = (160, 256, 384, 512, 768, 1024, 1536, 2048)
QUICK_CAPACITIES = (64, *CAPACITIES)
MAX_KNOWN = 1920  # trials that the model learns from; the rest of the capacity is for pending ones
FAILURE_MARGIN = 0.1  # of the range of the scores: so far is a failed trial below the worst one
NEAR = 0.01  # of a range: a point that is told so near to one that was asked for is that one
NUM_FRESH = 64  # random points tried when every proposal is a duplicate
NUM_INITIAL = 12  # points of the space-filling start where nobody says how many
# The paper's kernel, acquisition and scaling of the scores.
FAITHFUL = {"kernel": "product", "acquisition": "eei", "warp": "standardise"}


@dataclass(frozen=True)
class Settings:
    """What a search is, apart from what it has seen; make one with `make_settings`, which checks.

    Kernel, acquisition and warp are rows of their tables by name, or values of one's own.
    """

    space: Space
    num_initial: int = NUM_INITIAL
    seed: int = 0
    kernel: str | Kernel = "anova"  # "a|b": of several the one with the higher posterior density
    acquisition: str | Acquisition = "log_ei"
    warp: str | Warp = "half_rank"
    num_paths: int = 256  # fewer leave many candidates with no improvement on any path
    prior: Mapping[str, Any] | None = None  # {name: guess}, see preference.py
    quick: bool = False  # compiled in half the time; see `programs.quick_jit`


@checked_by_hand
def make_settings(space: Space, *, faithful: bool = False, **options: Any) -> Settings:
    """The settings of a search.

    Args:
        faithful: the paper's choices, whatever `options` say of them.
        **options: fields of `Settings`.

    Raises:
        ValueError: one that names no row, or a count that makes no sense.
    """
    if not isinstance(space, Space):
        raise ValueError(f"space is {space!r}; expected a Space; wrap the dict: Space({{...}}).")
    if faithful:
        options |= FAITHFUL
    settings = Settings(space, **plain_numbers(options))
    check_settings(settings)
    return settings


class Proposer(NamedTuple):
    """How a search chooses points: the engine, or a wrapper around it such as `ties.tied`.

    Attributes:
        make_design: how many points were told before the first ask -> the space-filling start.
        make_suggest: trials -> suggest(pending, index, held), which proposes one point. `index`
            selects the random numbers: the number of the proposal in its search; `held` has the
            values that some names may have.
    """

    make_design: Callable[[int], list[Point]]
    make_suggest: "Callable[[Sequence[Trial]], Suggest]"


@runtime_checkable
class Suggest(Protocol):
    """Propose one point, of which some names may be held."""

    def __call__(self, pending: Sequence[Point], index: int, held: Held = NONE_HELD) -> Point:
        """See `Proposer`."""
        ...


def plain(settings: Settings) -> Proposer:
    """The engine's own way."""
    return Proposer(partial(make_design, settings), partial(make_suggest, settings))


class Trial(NamedTuple):
    """A point and its score; `asked` is False for one that the user brought.

    `sd` is the standard deviation of a score that is only expected; 0: it was measured.
    `constraints` are met where they are 0 or less; a trial without them says nothing of them.
    """

    point: Point
    value: float
    asked: bool
    sd: float = 0.0
    constraints: tuple[float, ...] = ()

    @property
    def is_finite(self) -> bool:
        """Whether the trial gave a score."""
        return math.isfinite(self.value)


class State(NamedTuple):
    """The record of a search: told trials, points that wait for a score, size of the design."""

    trials: tuple[Trial, ...] = ()
    pending: tuple[Point, ...] = ()
    num_before: int | None = None  # trials told before the first ask; None until then

    @property
    def best(self) -> Trial | None:
        """The feasible trial with the highest score; one without a score, nan or -inf, is none."""
        scored = (t for t in self.trials if t.value > -math.inf and is_feasible(t.constraints))
        return max(scored, key=lambda t: t.value, default=None)

    @property
    def num_seen(self) -> int:
        """Number of points told or pending."""
        return len(self.trials) + len(self.pending)


def tell(settings: Settings, state: State, point: Any, value: Any, constraints: Any = ()) -> State:
    """Add a score; a value that is not finite marks a failed trial."""
    point = settings.space.check_point(point)
    waiting = find_pending(settings.space, state.pending, point)
    trial = Trial(point, _check_value(value), asked=waiting is not None)
    trial = trial._replace(constraints=_check_constraints(state, constraints))
    pending = list(state.pending)
    if waiting is not None:
        del pending[waiting]
    return state._replace(trials=(*state.trials, trial), pending=tuple(pending))


def find_pending(space: Space, pending: Sequence[Point], point: Point) -> int | None:
    """Index of the pending point that this one is; None: of none.

    It may have been rounded on its way, as by a machine that takes two decimals: choices and whole
    numbers have to be the same, real ones nearer than `NEAR` of their range; the nearest counts.
    """
    u, _ = space.split(point)
    found = []
    for i, other in enumerate(pending):
        whole = {n: v for n, v in point.items() if not isinstance(v, float)}
        if set(other) == set(point) and all(other[n] == v for n, v in whole.items()):
            distance = float(np.max(np.abs(u - space.split(other)[0]), initial=0.0))
            found += [(distance, i)] if distance < NEAR else []
    return min(found)[1] if found else None


def ask(
    settings: Settings,
    state: State,
    num: int = 1,
    proposer: Proposer | None = None,
    held: Held = NONE_HELD,
) -> tuple[list[Point], State]:
    """Choose `num` points one after the other, each knowing those that are pending.

    Args:
        held: of `held.hold`: names whose values are given.
    """
    proposer = proposer or plain(settings)
    if state.num_before is None:
        state = state._replace(num_before=len(state.trials))
    points: list[Point] = []
    suggest = None
    for _ in range(num):
        point = _next_of_design(settings, state, proposer)
        if point is None:
            suggest = suggest or proposer.make_suggest(state.trials)
            point = suggest(state.pending, state.num_seen, held)
        point = impose(settings.space, held, point, (settings.seed, state.num_seen))
        points.append(point)
        state = state._replace(pending=(*state.pending, point))
    return points, state


def make_design(settings: Settings, num_before: int) -> list[Point]:
    """Latin hypercube of the points that remain of the initial phase after those brought to it."""
    num = max(settings.num_initial - num_before, 0)
    return settings.space.latin_hypercube(settings.seed, num)


def _next_of_design(settings: Settings, state: State, proposer: Proposer) -> Point | None:
    if state.num_seen >= settings.num_initial:
        return None
    num_asked = sum(trial.asked for trial in state.trials) + len(state.pending)
    design = proposer.make_design(state.num_before or 0)
    return design[num_asked] if num_asked < len(design) else None


def make_suggest(settings: Settings, trials: Sequence[Trial]) -> Suggest:
    """Fit the model to the trials; return suggest(pending, index), which proposes one point.

    The fit does not depend on what is pending, so a batch shares it. Of more than MAX_KNOWN trials
    it learns from the best and the latest.
    """
    space, told = settings.space, [trial.point for trial in trials]
    if not any(trial.is_finite for trial in trials):  # nothing to learn from
        return partial(_fresh_point, settings, told)
    known = most_telling(trials)
    scores = _impute(np.array([trial.value for trial in known]))
    y = get_warp(settings.warp)(scores)
    own_noise = _warped_variance(scores, y, np.array([trial.sd for trial in known]))
    observed = [space.split(trial.point) for trial in known]
    quick, structure = settings.quick, space.structure
    data = pad_data(observed, y, [], own_noise, quick=quick)
    with host_scope():
        kernel, z = fit_best(data, kernel=settings.kernel, structure=structure, quick=quick)
        limited = [trial.constraints for trial in known]
        limits = fit_limits(data, limited, kernel=kernel, structure=structure, quick=quick)
    rows: Any = {"kernel": kernel, "acquisition": settings.acquisition, "quick": quick}
    rows["num_paths"] = settings.num_paths
    preference = make_preference(space, settings.prior)

    def suggest(pending: Sequence[Point], index: int, held: Held = NONE_HELD) -> Point:
        bounds = make_bounds(space, held) if held else None
        with host_scope():
            room = CAPACITIES[-1] - len(observed)
            waiting = [space.split(point) for point in pending[max(len(pending) - room, 0) :]]
            data = pad_data(observed, y, waiting, own_noise, quick=quick)
            draws = make_draws((settings.seed, index), structure)
            more: Any = {"bounds": bounds, "limits": limits and pad_limits(limits, len(data.y))}
            best_first = propose(draws, data, z, preference, structure=structure, **more, **rows)
            all_u, all_c = np.asarray(best_first.u), np.asarray(best_first.c)
        taken = {_identity(point) for point in (*told, *pending)}
        for u, c in zip(all_u, all_c, strict=True):
            point = impose(space, held, space.join(u, c), (settings.seed, index))
            if _identity(point) not in taken:
                return point
        return _fresh_point(settings, told, pending, index, held)

    return suggest


def most_telling(trials: Sequence[Trial]) -> list[Trial]:
    """The MAX_KNOWN trials of most use to a model, half the best and else the latest, in order."""
    if len(trials) <= MAX_KNOWN:
        return list(trials)
    warnings.warn(
        f"the search has more trials than an exact Gaussian process can use; from now on it learns "
        f"from the best {MAX_KNOWN // 2} and the latest {MAX_KNOWN - MAX_KNOWN // 2}.",
        stacklevel=2,
    )
    worth = [-math.inf if math.isnan(trial.value) else trial.value for trial in trials]
    ranked = sorted(range(len(trials)), key=lambda i: (-worth[i], -i))
    best, rest = ranked[: MAX_KNOWN // 2], sorted(ranked[MAX_KNOWN // 2 :])
    latest = rest[len(rest) + len(best) - MAX_KNOWN :]
    return [trials[i] for i in sorted(best + latest)]


def _fresh_point(
    settings: Settings,
    told: Sequence[Point],
    pending: Sequence[Point],
    index: int,
    held: Held = NONE_HELD,
) -> Point:
    """Draw a point that is new; one that was tried only when the space seems exhausted."""
    points = settings.space.sample((settings.seed, index), NUM_FRESH)
    points = [impose(settings.space, held, p, (settings.seed, index)) for p in points]
    for known in ((*told, *pending), pending):
        taken = {_identity(point) for point in known}
        for point in points:
            if _identity(point) not in taken:
                return point
    return points[0]


def _identity(point: Point) -> str:
    """Text that is equal for points which differ by rounding only."""
    return repr([(k, f"{v:.9g}" if isinstance(v, float) else v) for k, v in point.items()])


def _impute(values: np.ndarray) -> np.ndarray:
    """Let failed trials count as a little worse than the worst finite value, +inf as better."""
    is_finite = np.isfinite(values)
    worst, best = float(np.min(values[is_finite])), float(np.max(values[is_finite]))
    gap = 2 * FAILURE_MARGIN * (best / 2 - worst / 2) or 1.0  # the range itself may be too large
    below, above = max(worst - gap, -sys.float_info.max), min(best + gap, sys.float_info.max)
    return np.where(is_finite, values, np.where(np.isposinf(values), above, below))


def _warped_variance(scores: np.ndarray, y: np.ndarray, sd: np.ndarray) -> np.ndarray | None:
    """Variance after the warp of scores with a standard deviation before it; None: none has any."""
    if not np.any(sd > 0):
        return None
    order = np.argsort(scores)
    high, low = (np.interp(scores + sign * sd, scores[order], y[order]) for sign in (1.0, -1.0))
    return np.where(sd > 0, np.square((high - low) / 2.0), 0.0)


def pad_data(
    pairs: list,
    y: np.ndarray,
    pending: list,
    own_noise: np.ndarray | None = None,
    *,
    quick: bool = False,
) -> Data:
    """Stack observed and pending points into arrays of the next capacity."""
    num, total = len(pairs), len(pairs) + len(pending)
    ladder = QUICK_CAPACITIES if quick else CAPACITIES
    capacity = next((c for c in ladder if c >= total), None)
    if capacity is None:
        raise ValueError(
            f"the model was given {total} points, expected at most {CAPACITIES[-1]}; an exact "
            "Gaussian process is too slow beyond, leave some out."
        )
    u, c = (np.stack(column) for column in zip(*pairs, *pending, strict=True))
    row: Any = np.arange(capacity)
    pad: Any = np.pad
    spare = capacity - total
    return Data(
        u=pad(u, ((0, spare), (0, 0))),
        c=pad(c, ((0, spare), (0, 0))),
        y=pad(y, (0, capacity - num)),
        observed=row < num,
        pending=(row >= num) & (row < total),
        own_noise=None if own_noise is None else pad(own_noise, (0, capacity - num)),
    )


def _check_value(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"value is {value!r:.80}; expected one number, or oi.bo.FAILED for a trial that gave "
            "none."
        ) from None


def check_settings(settings: Settings) -> None:
    """Raise ValueError when a setting names no row or a count makes no sense."""
    if not isinstance(settings.kernel, Kernel):
        rows = split_kernel(settings.kernel)
        _check_row("kernel", settings.kernel, KERNELS, all(k in KERNELS for k in rows))
    tables: dict[str, Mapping[str, Any]] = {"acquisition": ACQUISITIONS, "warp": WARPS}
    for name, table in tables.items():
        value = getattr(settings, name)
        _check_row(name, value, table, callable(value) or value in table)
    for name, low in {"num_initial": 1, "seed": 0, "num_paths": 1}.items():
        check_whole(name, getattr(settings, name), low)
    make_preference(settings.space, settings.prior)


def _check_constraints(state: State, constraints: Any) -> tuple[float, ...]:
    """Constraints of a trial as numbers, as many as of the others."""
    try:
        found = tuple(float(value) for value in constraints or ())
    except (TypeError, ValueError):
        raise ValueError(
            f"constraints are {constraints!r}; expected a list of numbers, 0 or less where met."
        ) from None
    counts = {len(trial.constraints) for trial in state.trials} - {0}
    if found and counts - {len(found)}:
        raise ValueError(
            f"got {len(found)} constraints, expected {counts.pop()} as of the trials before; give "
            "nan for one that has no value."
        )
    return found


def _check_row(name: str, value: Any, table: Mapping[str, Any], is_known: bool) -> None:
    if not is_known:
        raise ValueError(f"{name} is {value!r}; expected one of {sorted(table)}.")
