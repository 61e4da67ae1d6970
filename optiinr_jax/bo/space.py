"""Search spaces: named dimensions, some of which exist only for some values of a parent.

A point is a dict that holds the active names and no others. `encode` turns it into a vector of
[0, 1]^d, numbers first and then one one-hot block for each choice; `decode` turns it back.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optiinr_jax.bo.dimensions import MAX_PARENT_VALUES, TYPES, Choice, Dimension, check_dimension
from optiinr_jax.bo.structure import INACTIVE, make_structure

Point = dict[str, Any]


class Space:
    """An ordered set of named dimensions.

    A parent, which is a choice or a whole number, comes before what depends on it.
    """

    def __init__(self, dimensions: Mapping[Any, Any]) -> None:
        """Check the dimensions and how they depend on each other."""
        self.dimensions: dict[str, Dimension] = dict(dimensions)
        if not self.dimensions:
            raise ValueError("a space needs dimensions, got none; give at least one name.")
        for name, dimension in self.dimensions.items():
            check_dimension(name, dimension)
        self._when = {name: self._parents(name) for name in self.dimensions}
        parents = {parent for when in self._when.values() for parent in when}
        self._parent_names = [n for n in self.dimensions if n in parents]
        self._numbers = [n for n, d in self.dimensions.items() if not isinstance(d, Choice)]
        self._choices = [n for n, d in self.dimensions.items() if isinstance(d, Choice)]
        self.structure = make_structure(
            levels={name: len(self._values_of(name)) for name in self._choices},
            grids={name: self.dimensions[name].grid for name in self._numbers},  # type: ignore[union-attr]
            rules={name: self._rule(name) for name in self.dimensions},
        )

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, Space) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.to_json())

    def __repr__(self) -> str:
        """Show the dimensions."""
        return f"Space({self.dimensions})"

    @property
    def conditions(self) -> Mapping[str, Mapping[str, tuple[Any, ...]]]:
        """For each name what it depends on: {parent: values of the parent at which it exists}."""
        return self._when

    def active(self, point: Mapping[str, Any]) -> tuple[str, ...]:
        """Names that exist at the choices made in `point`, in the order of the space."""
        names: list[str] = []
        for name, parents in self._when.items():
            if all(p in names and p in point and point[p] in ok for p, ok in parents.items()):
                names.append(name)
        return tuple(names)

    def check_point(self, point: Any) -> Point:
        """Return the point as plain Python values in order; raise ValueError when it is not one."""
        if not isinstance(point, Mapping):
            raise ValueError(
                f"point is {point!r}; expected a dict from name to value, as `ask` gives."
            )
        for name in self._parent_names:  # a wrong one would make the list of names misleading
            if name in point:
                self._check_value(name, point[name])
        active = self.active(point)
        if set(point) != set(active):
            missing, extra = [n for n in active if n not in point], sorted(set(point) - set(active))
            raise ValueError(
                f"point has the names {sorted(point)}, expected {sorted(active)} for its choices; "
                f"add {missing} and leave out {extra}."
            )
        return {name: self._check_value(name, point[name]) for name in active}

    def split(self, point: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Turn a point into (u, c): numbers in [0, 1] and levels; inactive ones are 0.5 and 0."""
        u = np.full(len(self._numbers), INACTIVE)
        c = np.zeros(len(self._choices), np.int32)
        for i, name in enumerate(self._numbers):
            if name in point:
                u[i] = self.dimensions[name].to_unit(point[name])  # type: ignore[union-attr]
        for i, name in enumerate(self._choices):
            if name in point:
                c[i] = self.dimensions[name].options.index(point[name])  # type: ignore[union-attr]
        return u, c

    def join(self, u: np.ndarray, c: np.ndarray) -> Point:
        """Turn (u, c) into the point with only its active names: the inverse of `split`."""
        values: Point = {}
        for name, level in zip(self._choices, c, strict=True):
            values[name] = self.dimensions[name].options[int(level)]  # type: ignore[union-attr]
        for name, unit in zip(self._numbers, u, strict=True):
            values[name] = self.dimensions[name].from_unit(float(unit))
        return {name: values[name] for name in self.active(values)}

    def encode(self, point: Mapping[str, Any]) -> np.ndarray:
        """Encode a point: active numbers in [0, 1], one-hot choices; inactive: 0.5 and zeros."""
        u, c = self.split(self.check_point(point))
        blocks = [u]
        for name, level, count in zip(self._choices, c, self.structure.levels, strict=True):
            blocks.append(np.eye(count)[level] * (name in point))
        return np.concatenate(blocks)

    def decode(self, x: np.ndarray) -> Point:
        """Decode a vector: nearest valid numbers, largest entry of each one-hot block."""
        p, expected = len(self._numbers), len(self._numbers) + self.structure.num_onehot
        if np.shape(x) != (expected,):
            raise ValueError(
                f"x has shape {np.shape(x)}, expected ({expected},); use Space.encode."
            )
        blocks = np.split(np.asarray(x)[p:], np.cumsum(self.structure.levels)[:-1])
        c = np.array([np.argmax(block) for block in blocks] if self._choices else [], np.int32)
        return self.join(np.asarray(x)[:p], c)

    def sample(self, seed: Any, n: int) -> list[Point]:
        """Draw n independent uniform points; `seed` is anything numpy's default_rng takes."""
        return [self._from_unit(row) for row in np.random.default_rng(seed).random((n, len(self)))]

    def latin_hypercube(self, seed: Any, n: int) -> list[Point]:
        """Draw n points, stratified in every dimension; choices by equal bins of the unit cube."""
        (rng,) = np.random.default_rng(seed).spawn(1)  # as SciPy does, whose draws these are
        within = rng.random((n, len(self)))  # place in its stratum; the strata in random order
        strata = np.stack([rng.permutation(n) + 1 for _ in range(len(self))], axis=1)
        return [self._from_unit(row) for row in (strata - within) / max(n, 1)]

    def to_json(self) -> str:
        """Write the space as JSON text."""
        kinds = {kind: name for name, kind in TYPES.items()}
        return json.dumps(
            {
                name: {"type": kinds[type(dimension)]}
                | _stored(dimension)
                | {"when": self._when[name]}
                for name, dimension in self.dimensions.items()
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Space":
        """Read a space written by `to_json`."""
        dimensions: dict[str, Any] = {}
        for name, fields in json.loads(text).items():
            when = {parent: tuple(values) for parent, values in fields.pop("when").items()}
            dimensions[name] = TYPES[fields.pop("type")](**fields, when=when or None)
        return cls(dimensions)

    def __len__(self) -> int:
        """Count the dimensions, active or not."""
        return len(self.dimensions)

    def _from_unit(self, row: np.ndarray) -> Point:
        pairs = zip(self.dimensions.items(), row, strict=True)
        values = {name: dimension.from_unit(float(u)) for (name, dimension), u in pairs}
        return {name: values[name] for name in self.active(values)}

    def _check_value(self, name: str, value: Any) -> Any:
        try:
            return self.dimensions[name].check(value)
        except ValueError as error:
            raise ValueError(f"point[{name!r}] is {value!r}; {error}.") from None

    def _parents(self, name: str) -> dict[str, tuple[Any, ...]]:
        """Read and check the `when` of one dimension."""
        earlier = list(self.dimensions)[: list(self.dimensions).index(name)]
        parents = {}
        for parent, values in (self.dimensions[name].when or {}).items():
            known = self._values_of(parent) if parent in earlier else None
            if not known:
                raise ValueError(
                    f"{name!r} has when={{{parent!r}: ...}}, expected the name of a Choice, or of "
                    f"an Int of at most {MAX_PARENT_VALUES} values, that comes earlier in the "
                    f"space; move {parent!r} before it or correct the name."
                )
            values = tuple(values) if isinstance(values, tuple | list | range) else (values,)
            unknown = [value for value in values if value not in known]
            if unknown or not values:
                raise ValueError(
                    f"{name!r} has when={{{parent!r}: {values}}}, expected options of {parent!r}, "
                    f"which are {list(known)}; correct the values."
                )
            parents[parent] = values
        return parents

    def _values_of(self, name: str) -> Sequence[Any]:
        """Every value of a choice, or of a number that has few; empty: it has many."""
        dimension = self.dimensions[name]
        return dimension.options if isinstance(dimension, Choice) else dimension.in_order or ()

    def _rule(self, name: str) -> dict[str, list[bool]]:
        return {
            parent: [value in allowed for value in self._values_of(parent)]
            for parent, allowed in self._when[name].items()
        }


def _stored(dimension: Dimension) -> dict[str, Any]:
    """Fields of a dimension but its condition; usual ones are left out, as they always were."""
    stored = vars(dimension)
    if stored.get("values"):
        return {"values": list(stored["values"])}
    usual = {"when": dimension.when, "step": 1, "values": None}
    return {key: value for key, value in stored.items() if usual.get(key, ...) != value}
