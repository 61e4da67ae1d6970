"""Portfolio: configurations that did well on other signals, and how studies become one."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from optiinr_jax.checks import check_counts
from optiinr_jax.inr import DivergedError, NetworkConfig, fit
from optiinr_jax.inr.recommended import (
    Cell,
    Entry,
    Recommendation,
    choose,
    packaged,
    read_cells,
    recommend,
    write_cells,
)
from optiinr_jax.progress import Progress
from optiinr_jax.signals import Signal
from optiinr_jax.signals.inputs import SignalLike
from optiinr_jax.studies.comparison import fresh_key
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.study import Study

NUM_CANDIDATES = 2  # configurations that each study brings
NUM_ENTRIES = 5


@dataclass(frozen=True)
class Portfolio:
    """Lists of configurations, for kinds of signal and sizes; see `recommend`.

    Attributes:
        cells: one for each kind, size, width and number of steps that is known.
    """

    cells: tuple[Cell, ...]

    @classmethod
    def packaged(cls) -> "Portfolio":
        """The one that comes with the package."""
        return cls(packaged())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Portfolio":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            PortfolioError: it is something else.
        """
        return cls(read_cells(path))

    @classmethod
    def from_studies(
        cls, studies: Sequence[Study], *, num: int = NUM_ENTRIES, progress: bool = True
    ) -> "Portfolio":
        """Train the best configurations of each study on the signals of all, and choose from them.

        Studies of one kind of signal, width and number of steps make one cell. Every training is
        one as in a search, from a seed that no study has used; n studies cost 2 n^2 of them.

        Args:
            studies: with at least one score each.
            num: configurations of a cell at most.
            progress: show progress when it takes longer than a few seconds.

        Raises:
            StudyError: no studies, or one without a score.
        """
        check_counts(num=num)
        if not studies:
            raise StudyError("got no studies; give at least one.")
        groups: dict[tuple[str, int, int], list[Study]] = {}
        for study in studies:
            settings = study.settings
            key = (study.signal.kind, settings.width, settings.num_steps)
            groups.setdefault(key, []).append(study)
        total = sum(NUM_CANDIDATES * len(group) ** 2 for group in groups.values())
        with Progress("portfolio", total, enabled=progress) as bar:
            return cls(tuple(_make_cell(group, num, bar) for group in groups.values()))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON, atomically."""
        return write_cells(path, self.cells)

    def recommend(
        self,
        signal: SignalLike,
        num: int = 3,
        *,
        width: int | None = None,
        num_steps: int = 2000,
    ) -> list[Recommendation]:
        """As `oi.recommend`, from this portfolio."""
        return recommend(signal, num, width=width, num_steps=num_steps, cells=self.cells)

    def __add__(self, other: "Portfolio") -> "Portfolio":
        """Both; where two cells are equally near, this one's counts."""
        return Portfolio(self.cells + other.cells)


def _make_cell(studies: Sequence[Study], num: int, bar: Progress) -> Cell:
    candidates: dict[str, NetworkConfig] = {}
    for study in studies:
        points = [study.winner.point, *(trial.point for trial in study.best_trials(10))]
        different = [p for i, p in enumerate(points) if p not in points[:i]][:NUM_CANDIDATES]
        for rank, point in enumerate(different, 1):
            # The objective decides where it is trained, also where somebody else asks for another.
            candidates[f"{study.name}, best {rank}"] = replace(
                study.config_of(point), sampling=None
            )
    rows = {}
    for name, config in candidates.items():
        rows[name] = np.array([_score(config, study) for study in studies])
        bar.update(bar.done + len(studies), name)
    return make_cell(
        [study.signal for study in studies], candidates, rows, num, studies[0].settings.num_steps
    )


def make_cell(
    signals: Sequence[Signal],
    candidates: dict[str, NetworkConfig],
    scores: dict[str, np.ndarray],
    num: int,
    num_steps: int,
) -> Cell:
    """A cell from what every candidate has reached on every signal.

    Args:
        signals: of one kind.
        candidates: configurations by the name of where each was found.
        scores: of each on the signals, in their order; -inf where it failed.
        num: configurations of the cell at most.
        num_steps: of the trainings.
    """
    names = choose(scores, num)
    best, entries = np.full(len(signals), -math.inf), []
    for name in names:
        best = np.maximum(best, scores[name])
        mean, best_of = float(np.mean(scores[name])), float(np.mean(best))
        entries.append(Entry(candidates[name], name, mean, best_of))
    return Cell(
        kind=signals[0].kind,
        num_points=round(math.exp(np.mean([math.log(s.num_points) for s in signals]))),
        width=candidates[names[0]].width,
        num_steps=num_steps,
        signals=tuple(signal.name for signal in signals),
        entries=tuple(entries),
    )


def _score(config: NetworkConfig, study: Study) -> float:
    settings = study.settings
    try:
        inr = fit(
            study.signal,
            config,
            objective=settings.aim,
            num_steps=settings.num_steps,
            key=fresh_key(settings.seed, 0),
            share_program=True,
            progress=False,
            warn=False,
        )
    except DivergedError:
        return -math.inf
    return inr.score
