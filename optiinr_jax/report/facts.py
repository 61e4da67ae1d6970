"""What a page is made of: read once from a study, so that no section trains or reads anything."""

from dataclasses import dataclass

from optiinr_jax.bo.space import Space
from optiinr_jax.inr import INR
from optiinr_jax.report.labels import Measure, measure_of
from optiinr_jax.signals import Signal
from optiinr_jax.studies import Comparison, Study, StudyError, StudySettings, Trial
from optiinr_jax.studies.explanation import Explanation, explain
from optiinr_jax.studies.settings import digest
from optiinr_jax.studies.winner import Configuration

ALIKE = ("objective", "num_steps", "width", "depth")  # settings that scores depend on


@dataclass(frozen=True)
class Course:
    """The trials of another search, to draw beside."""

    name: str
    strategy: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Facts:
    """A study with a winner, as the sections of the page take it.

    Attributes:
        budget: trials that the search was given; None: not known.
        command: line that made the study; None: none did.
        model_name: file of the best network; None: nowhere.
        winner: the found configuration with all its trials.
        inr: its best network.
        explanation: what the surrogate says; None: too few trials.
        against: another search of the same signal; None: none.
    """

    name: str
    signal: Signal
    space: Space
    settings: StudySettings
    budget: int | None
    command: str | None
    model_name: str | None
    trials: tuple[Trial, ...]
    winner: Configuration
    inr: INR
    comparison: Comparison
    explanation: Explanation | None = None
    against: Course | None = None

    @property
    def measure(self) -> Measure:
        """How scores are written."""
        return measure_of(self.signal, self.settings.aim)


def gather(study: Study, comparison: Comparison, against: Study | None = None) -> Facts:
    """Read everything that a page shows.

    Args:
        study: a search with at least one score.
        comparison: what `compare` gave for this study.
        against: another search of the same signal.

    Raises:
        StudyError: the search has no score, or the other one is of another signal or size.
    """
    course = None
    if against is not None:
        check_against(study, against)
        course = Course(against.name, against.settings.strategy, tuple(against.trials))
    return Facts(
        name=study.name,
        signal=study.signal,
        space=study.space,
        settings=study.settings,
        budget=study.num_trials,
        command=study.command,
        model_name=None if study.model_path is None else study.model_path.name,
        trials=tuple(study.trials),
        winner=study.winner,
        inr=study.best_inr,
        comparison=comparison,
        explanation=explain(study),
        against=course,
    )


def check_against(study: Study, other: Study) -> None:
    """Raise StudyError where a score of one study says nothing about the other."""
    ours, theirs = study.settings.to_json(), other.settings.to_json()
    differ = [name for name in ALIKE if ours[name] != theirs[name]]
    differ += ["signal"] if digest(study.signal) != digest(other.signal) else []
    if differ:
        raise StudyError(
            f"study {other.name!r} has another {', '.join(sorted(differ))} than {study.name!r}, so "
            "their scores do not compare; name a search of the same signal with the same options."
        )
