"""A small space inside a large one: dimensions that share one value.

Where many parts are alike, such as the layers of a network, a search that gives all of them the
same values finds the good region in few trials, and may then go on with each part by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from optiinr_jax.bo.dimensions import Dimension
from optiinr_jax.bo.engine import (
    NONE_HELD,
    Proposer,
    Settings,
    State,
    Suggest,
    Trial,
    make_design,
    make_suggest,
)
from optiinr_jax.bo.held import Held
from optiinr_jax.bo.space import Point, Space


class Ties:
    """The ways between a space and the smaller one in which some of its names are one.

    Args:
        space: the large one.
        names: {name: shared name}; all of one shared name are alike, conditions included. One may
            exist under further conditions than the first, as a layer that only deep networks have.

    Attributes:
        space: the small one.
        shared: name of the small space for each of the large one.

    >>> from optiinr_jax.bo import Float
    >>> ties = Ties(Space({"a_1": Float(0, 1), "a_2": Float(0, 1)}), {"a_1": "a", "a_2": "a"})
    >>> ties.expand({"a": 0.5})
    {'a_1': 0.5, 'a_2': 0.5}
    """

    def __init__(self, space: Space, names: Mapping[str, str]) -> None:
        """Check that what shares a name is alike."""
        unknown = sorted(set(names) - set(space.dimensions))
        if unknown:
            raise ValueError(f"ties name {unknown}; expected names of {list(space.dimensions)}.")
        self.shared = {name: names.get(name, name) for name in space.dimensions}
        self._active = space.active
        dimensions: dict[str, Dimension] = {}
        for name, dimension in space.dimensions.items():
            when = dimension.when and {self.shared[p]: ok for p, ok in dimension.when.items()}
            alike = replace(dimension, when=when)
            if not _may_share(dimensions.setdefault(self.shared[name], alike), alike):
                raise ValueError(
                    f"{name!r} is tied to {self.shared[name]!r}, which is "
                    f"{dimensions[self.shared[name]]}, but is {alike}; tie only what is alike."
                )
        self.space = Space(dimensions)

    def expand(self, point: Point) -> Point:
        """Give every name of the large space the value that it shares."""
        whole = {name: point[tie] for name, tie in self.shared.items() if tie in point}
        return {name: whole[name] for name in self._active(whole)}

    def contract(self, point: Point) -> Point | None:
        """Invert `expand`; None for a point whose tied names differ."""
        shared: Point = {}
        for name, value in point.items():
            if shared.setdefault(self.shared[name], value) != value:
                return None
        return shared

    def share(self, held: Held) -> Held | None:
        """Held values in the small space; None: there are none, as tied names differ."""
        shared: dict[str, tuple] = {}
        for name, values in held.items():
            tie = self.shared[name]
            shared[tie] = tuple(v for v in shared.get(tie, values) if v in values)
        return shared if all(shared.values()) else None


def _may_share(first: Dimension, other: Dimension) -> bool:
    """Whether one dimension is another one, perhaps under further conditions."""
    conditions = (other.when or {}).items()
    is_no_less = all(condition in conditions for condition in (first.when or {}).items())
    return is_no_less and replace(other, when=first.when) == first


def tied(settings: Settings, names: Mapping[str, str], num_tied: int) -> Proposer:
    """The engine with the first `num_tied` points in the small space, told ones included.

    As long as the number of a proposal is below, the model is one of the small space and knows
    those trials only that are in it; it takes turns with the model of the whole while the best
    trial, such as one of another search, is outside.

    Raises:
        ValueError: a name that the space has not, or a tie of what is not alike.
    """
    ties = Ties(settings.space, names)
    prior = settings.prior and {ties.shared[name]: guess for name, guess in settings.prior.items()}
    small = replace(settings, space=ties.space, prior=prior)

    def design(num_before: int) -> list[Point]:
        return [ties.expand(point) for point in make_design(small, num_before)]

    def fit(trials: Sequence[Trial]) -> Suggest:
        best = State(tuple(trials)).best
        is_outside = best is not None and ties.contract(best.point) is None

        @cache
        def of_tied() -> Suggest:
            pairs = [(ties.contract(trial.point), trial) for trial in trials]
            known = [trial._replace(point=point) for point, trial in pairs if point is not None]
            return make_suggest(small, known)

        @cache
        def of_all() -> Suggest:
            return make_suggest(settings, trials)

        def suggest(pending: Sequence[Point], index: int, held: Held = NONE_HELD) -> Point:
            held_ties = ties.share(held)
            if index >= num_tied or (is_outside and index % 2) or held_ties is None:
                return of_all()(pending, index, held)
            shared = [ties.contract(point) for point in pending]
            known = [point for point in shared if point is not None]
            return ties.expand(of_tied()(known, index, held_ties))

        return suggest

    return Proposer(design, fit)
