"""A longer training of what a search has found."""

from typing import Any

from optiinr_jax.inr import INR, fit

Study = Any  # of study.py, which offers this as a method


def extend(study: Study, num_steps: int, **options: Any) -> INR:
    """Train the best network further; the study keeps what it has.

    The finished training cannot simply go on: its rates have fallen to 0, and its optimiser's state
    is gone. So this is a training of `num_steps` steps of its own, with its own rise and fall,
    that begins with the network's parameters, at rates for its length. On pictures it is worth as
    much as a new training of as many steps (`python -m experiments.extension`): it saves nothing,
    but it never loses what there is.

    Args:
        study: with a best network.
        num_steps: further updates.
        **options: of `fit`, like `progress`, `checkpoint` or `seed`.

    Returns:
        The better one of the network before and after, by the study's objective.

    Raises:
        StudyError: the study has no network.
    """
    best, settings = study.best_inr, study.settings
    config = study.best_config.scaled(num_steps=(settings.num_steps, num_steps))
    found = fit(
        study.signal,
        config,
        objective=settings.aim,
        num_steps=num_steps,
        init=best,
        **options,
    )
    return max(best, found, key=lambda inr: inr.score)
