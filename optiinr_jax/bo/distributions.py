"""Bridges between a `Space` and Optuna's distributions, both ways.

A distribution becomes a dimension over Optuna's values where the two agree, and over the index of
the value where they do not: stepped ranges and categories of any kind. `to_space` and `to_optuna`
convert one value.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial

from optiinr_jax.bo.dimensions import Choice, Dimension, Float, Int, Number, When
from optiinr_jax.bo.space import Point, Space


class Bridge(NamedTuple):
    """One parameter as a dimension, and the conversions of its values."""

    dimension: Dimension
    to_space: Callable[[Any], Any]
    to_optuna: Callable[[Any], Any]


def make_bridge(distribution: BaseDistribution, when: When | None = None) -> Bridge:
    """Turn a distribution into a dimension; values outside the range go to its nearest end."""
    match distribution:
        case CategoricalDistribution():
            options = tuple(range(len(distribution.choices)))  # choices may be any objects
            return Bridge(
                Choice(options, when),
                lambda value: int(distribution.to_internal_repr(value)),
                lambda index: distribution.choices[index],
            )
        case FloatDistribution(low=low, high=high, step=None, log=log):
            return Bridge(
                Float(low, high, log, when), lambda v: float(min(max(v, low), high)), float
            )
        case FloatDistribution() | IntDistribution():
            return _make_grid(distribution, when)
    raise ValueError(
        f"distribution is {distribution!r}; expected Optuna's float, int or categorical one."
    )


def _make_grid(distribution: FloatDistribution | IntDistribution, when: When | None) -> Bridge:
    """Represent a stepped range by the number of steps; an unstepped whole range by itself."""
    low, step = distribution.low, distribution.step or 1
    kind = int if isinstance(distribution, IntDistribution) else float
    count = round((distribution.high - low) / step)
    first = int(low) if kind is int and step == 1 else 0  # plain whole numbers keep their values
    index = Int(first, first + count, distribution.log, when)

    def to_space(value: Number) -> int:
        return min(max(first + round((value - low) / step), first), first + count)

    def to_optuna(i: int) -> Number:
        return kind(min(low + (i - first) * step, distribution.high))

    return Bridge(index, to_space, to_optuna)


def to_distribution(dimension: Dimension) -> BaseDistribution:
    """Turn a dimension of a space into the distribution `suggest` asks Optuna for."""
    match dimension:
        case Choice(options=options):
            return CategoricalDistribution(options)
        case Float(values=values) | Int(values=values) if values:  # Optuna knows no order of them
            return CategoricalDistribution(tuple(values))
        case Int(low=low, high=high, log=log, step=step):
            return IntDistribution(int(low), int(high), log=log, step=step)
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
    raise ValueError(f"dimension is {dimension!r}; expected a Float, Int or Choice.")


def suggest(trial: Trial, space: Space) -> Point:
    """Walk a space and ask the trial for every active name: a space as define-by-run code."""
    point: Point = {}
    for name, dimension in space.dimensions.items():
        if name not in space.active(point):
            continue
        match to_distribution(dimension):
            case CategoricalDistribution(choices=options):
                point[name] = trial.suggest_categorical(name, options)
            case IntDistribution(low=low, high=high, log=log, step=step):
                point[name] = trial.suggest_int(name, low, high, log=log, step=step)
            case FloatDistribution(low=low, high=high, log=log):
                point[name] = trial.suggest_float(name, low, high, log=log)
    return point


def infer_bridges(trials: Sequence[FrozenTrial]) -> dict[str, Bridge]:
    """Read the space off the trials: dimensions, and which choices each depends on.

    Conditions are read from trials that ran to an end. Names stand in the order in which the study
    first saw them, choices before numbers: what depends on a choice comes after it, and a further
    trial changes the order of nothing, so that the same compiled programs serve.
    """
    distributions: dict[str, BaseDistribution] = {}
    for trial in trials:  # the latest range of a name counts, the first trial fixes the order
        distributions |= {n: d for n, d in trial.distributions.items() if not d.single()}
    whole = [t for t in trials if t.state.name in ("COMPLETE", "PRUNED")]
    count = {name: sum(name in t.params for t in whole) for name in distributions}
    is_choice = {n: isinstance(d, CategoricalDistribution) for n, d in distributions.items()}
    names = sorted(distributions, key=lambda n: not is_choice[n])
    choices = [name for name in names if is_choice[name]]
    bridges = {}
    for name in names:
        earlier = choices[: choices.index(name)] if is_choice[name] else choices
        when = (
            _infer_when(name, earlier, distributions, whole) if count[name] < len(whole) else None
        )
        bridges[name] = make_bridge(distributions[name], when)
    return bridges


def _infer_when(
    name: str,
    parents: list[str],
    distributions: dict[str, BaseDistribution],
    trials: list[FrozenTrial],
) -> When | None:
    """Find choices whose values tell where `name` exists; several when no one choice does.

    A choice tells why `name` is absent from a trial when it is absent too, or has a value that
    never comes with `name`. Those that explain the most are taken, the latest
    before `name` first.
    """
    having = [t for t in trials if name in t.params]
    missing = [t for t in trials if name not in t.params]
    if not having:
        return None
    order = list(having[0].params)
    allowed = {
        p: {int(distributions[p].to_internal_repr(t.params[p])) for t in having}
        for p in parents
        if p != name and all(p in t.params for t in having)
    }

    def explains(parent: str, trial: FrozenTrial) -> bool:
        if parent not in trial.params:
            return True
        return (
            int(distributions[parent].to_internal_repr(trial.params[parent])) not in allowed[parent]
        )

    def rank(parent: str) -> tuple[int, bool, int]:
        at = order.index(parent)
        return sum(explains(parent, t) for t in missing), at < order.index(name), at

    when: dict[str, tuple[int, ...]] = {}
    while missing and allowed.keys() - when.keys():
        parent = max(allowed.keys() - when.keys(), key=rank)
        if not rank(parent)[0]:
            return None  # it depends on something else, on a number perhaps
        when[parent] = tuple(sorted(allowed[parent]))
        missing = [t for t in missing if not explains(parent, t)]
    return None if missing else when
