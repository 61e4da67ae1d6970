"""What the user expects before any trial, as a factor of the acquisition (piBO).

The acquisition is multiplied by density ** (strength / n), n guided trials on: it leads the first
proposals and fades, so that a wrong guess costs some trials and no more (Hvarfner et al. 2022).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from jaxtyping import Int as IntArray

from optiinr_jax.bo.dimensions import Choice, Int
from optiinr_jax.bo.space import Space
from optiinr_jax.bo.structure import Structure, activity

STRENGTH = 10.0  # the authors' tenth of a budget of 100 trials

Arr = Array | np.ndarray


class Preference(NamedTuple):
    """Log density of a guess: normal in each number's unit interval, a weight for each level."""

    centre: Float[Arr, " p"]
    precision: Float[Arr, " p"]  # 0: no opinion
    log_weight: Float[Arr, "k l"]


def read_guesses(space: Space, guesses: Mapping[str, Any] | None) -> dict[str, list[float]]:
    """Check guesses and write them as JSON can hold them; reading that again changes nothing.

    Args:
        space: what is searched.
        guesses: for a number (value, spread as a share of its range), for a choice
            {option: weight > 0} with all of its options, or the weights in their order.

    Raises:
        ValueError: a name is not in the space, or its guess has another form.
    """
    read = {}
    for name, guess in (guesses or {}).items():
        try:
            dimension = space.dimensions[name]
            values = guess
            if isinstance(dimension, Choice) and isinstance(guess, Mapping):
                is_whole = len(guess) == len(dimension.options)
                values = [guess[option] for option in dimension.options] if is_whole else []
            read[name] = [float(value) for value in values]
            if isinstance(dimension, Choice):
                is_right = len(read[name]) == len(dimension.options) and min(read[name]) > 0
            else:
                value, spread = guess
                is_right = dimension.check(value) == value and spread > 0
            if not is_right:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f"prior[{name!r}] is {guess!r}; expected, for a name of the space, (value, spread) "
                "with the spread a share of the range such as 0.1, or for a choice "
                "{option: weight > 0} with all of its options."
            ) from None
    return read


def make_preference(space: Space, guesses: Mapping[str, Any] | None) -> Preference:
    """Turn guesses into arrays; a name without one gets no opinion."""
    structure, read = space.structure, read_guesses(space, guesses)
    centre, precision, rows = [], [], []
    for name, dimension in space.dimensions.items():
        if isinstance(dimension, Choice):
            weights = np.array(read.get(name, [1.0] * len(dimension.options)))
            rows.append(np.log(weights / weights.max()))
        else:
            value, spread = read.get(name, (dimension.from_unit(0.5), np.inf))
            kind = int if isinstance(dimension, Int) else float
            centre.append(dimension.to_unit(kind(value)))
            precision.append(spread**-2.0)
    log_weight = np.zeros((len(rows), max(structure.levels, default=1)))
    for j, row in enumerate(rows):
        log_weight[j, : len(row)] = row
    return Preference(np.array(centre), np.array(precision), log_weight)


def log_density(
    structure: Structure, preference: Preference, u: Float[Array, " p"], c: IntArray[Array, " k"]
) -> Float[Array, ""]:
    """Log of the guess at one point, 0 at its peak; what is inactive does not count."""
    is_number, is_choice = activity(structure, u, c)
    numbers = preference.precision * jnp.square(u - preference.centre) / 2
    levels = jnp.take_along_axis(jnp.asarray(preference.log_weight), c[:, None], axis=1)[:, 0]
    return jnp.sum(jnp.where(is_choice, levels, 0)) - jnp.sum(jnp.where(is_number, numbers, 0))
