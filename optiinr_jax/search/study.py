"""Study: what a search has found so far, and `ask` and `tell` for a training loop of one's own."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import optuna
from optuna.trial import TrialState

from optiinr_jax.bo.space import Point, Space
from optiinr_jax.inr import INR, ModelFileError, NetworkConfig, load_inr
from optiinr_jax.search.checks import StudyError
from optiinr_jax.search.loop import record
from optiinr_jax.search.objective import Job, Outcome, train
from optiinr_jax.search.queue import Queue
from optiinr_jax.search.spaces import config_to_point, point_to_config
from optiinr_jax.search.storage import enqueue
from optiinr_jax.search.trials import CONFIG, Trial, make_record, score_of
from optiinr_jax.signals import Signal

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Asked:
    """A trial to be trained by the caller; `Study.tell` ends it.

    Attributes:
        number: of the trial.
        point: names and values in the space.
        config: the network they stand for.
        key: of the training, for results that depend on the seed and the number alone.
    """

    number: int
    point: Point
    config: NetworkConfig
    key: jax.Array
    handle: optuna.Trial


@dataclass(frozen=True)
class Study:
    """A search and what it has found; made by `search`, `create_study` or `load_study`.

    Attributes:
        optuna_study: the same as Optuna knows it.
        storage: its address; None: in memory.
        settings: what makes two calls the same search.
        model_path: file of the best network; None: nowhere.
        kept: what this process remembers of it, such as the best network.
    """

    signal: Signal
    space: Space
    optuna_study: optuna.Study
    storage: str | None
    settings: dict[str, Any]
    model_path: Path | None
    kept: dict[str, Any]

    @property
    def trials(self) -> list[Trial]:
        """All trials that have begun, in order."""
        begun = tuple(state for state in TrialState if state != TrialState.WAITING)
        return [make_record(t) for t in self.optuna_study.get_trials(deepcopy=False, states=begun)]

    @property
    def best_trial(self) -> Trial:
        """The trial with the highest score.

        Raises:
            StudyError: no trial has a score.
        """
        if best := self.best_trials(1):
            return best[0]
        reasons = {trial.reason for trial in self.trials if trial.reason}
        raise StudyError(
            f"no trial has a score ({'; '.join(sorted(reasons)) or 'none has ended'}); "
            "raise num_trials or look at study.trials."
        )

    @property
    def best_score(self) -> float:
        """Score of the best trial."""
        return score_of(self.best_trial)

    @property
    def best_config(self) -> NetworkConfig:
        """Configuration of the best trial."""
        return self.config_of(self.best_trial.point)

    @property
    def best_inr(self) -> INR:
        """The network of the best trial: kept, read from its file, or trained again the same."""
        best = self.best_trial
        if best.number != _trial_of(self.kept.get("best")):
            inr = self._load_model(best.number)
            if inr is None:
                job = Job(self.signal, self.best_config, best.number, self.settings)
                inr = train(job).inr
            if inr is None:
                raise StudyError(
                    f"the network of the best trial, {best.number}, is lost and could not be "
                    "trained again here; look for its model file where the search ran."
                )
            self.kept["best"] = inr
        return self.kept["best"]

    def best_trials(self, num: int) -> list[Trial]:
        """The `num` trials with the highest scores, best first; fewer where no more have one."""
        scored = [trial for trial in self.trials if trial.score is not None]
        return sorted(scored, key=score_of, reverse=True)[:num]

    def config_of(self, point: Point) -> NetworkConfig:
        """The network that a point of the space stands for."""
        return point_to_config(point, width=self.settings["width"], modality=self.signal.kind)

    def count_ended(self, num_trials: int | None = None) -> int:
        """Number of trials, of the first `num_trials`, that have a score, failed or were pruned."""
        rows = self.optuna_study.get_trials(deepcopy=False)[:num_trials]
        return sum(row.state.is_finished() for row in rows)

    def enqueue(self, configuration: Point | NetworkConfig) -> None:
        """Queue a configuration of one's own; it is trained before the strategy proposes again.

        Raises:
            ValueError: it is no point of the space.
        """
        is_point = isinstance(configuration, dict)
        point = configuration if is_point else config_to_point(configuration, self.space)
        enqueue(self.optuna_study, self.space.check_point(point), "")

    def ask(self) -> Asked:
        """Begin the next trial, for a training loop of one's own; end it with `tell`.

        Raises:
            StudyError: trials that it depends on have not been told; see `batch_size`.
        """
        if "queue" not in self.kept:
            self.kept["queue"] = self._queue()
            self.kept["queue"].start_beating()
        handle = self.kept["queue"].claim(None)
        if handle is None:
            raise StudyError(
                f"the next trial needs the scores of trials that still run, batch_size is "
                f"{self.settings['batch_size']}; tell them first."
            )
        config = self.config_of(handle.params)
        handle.set_user_attr(CONFIG, config.to_json())
        job = Job(self.signal, config, handle.number, self.settings)
        return Asked(handle.number, handle.params, config, job.key, handle)

    def tell(
        self, asked: Asked, result: INR | float | int | None = None, *, reason: str = "no score"
    ) -> Trial:
        """End a trial with its network or its score; None, or a score that is nan: it failed.

        Args:
            reason: why it failed.
        """
        queue = self.kept["queue"]
        if isinstance(result, INR):
            job = Job(self.signal, asked.config, asked.number, self.settings)
            result.info.update(job.info)
            return record(self, queue, asked.handle, Outcome(result))
        score = math.nan if result is None else float(result)
        outcome = Outcome(reason=reason) if math.isnan(score) else Outcome(score=score)
        return record(self, queue, asked.handle, outcome)

    def stop(self) -> None:
        """End the search in this process after the running trial; for callbacks."""
        self.kept["stop"] = True

    def trials_dataframe(self) -> "pandas.DataFrame":
        """The trials as a table, one column for each name of the space; needs pandas.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                'trials_dataframe() needs pandas; pip install "optiinr-jax[pandas]".'
            ) from None
        rows = [asdict(trial) for trial in self.trials]
        flat = [
            {k: v for k, v in row.items() if k not in ("point", "curve", "facts")}
            | row["facts"]
            | row["point"]
            for row in rows
        ]
        return pandas.DataFrame(flat).set_index("number") if flat else pandas.DataFrame()

    def _queue(self) -> Queue:
        return Queue(self.optuna_study, self.storage, self.settings, self.space)

    def _load_model(self, number: int) -> INR | None:
        """The model file, if it is intact and holds trial `number` of this search."""
        if self.model_path is None:
            return None
        try:
            inr = load_inr(self.model_path)
        except (FileNotFoundError, ModelFileError):
            return None
        is_ours = _trial_of(inr) == number and inr.info.get("search") == self.settings
        return inr if is_ours else None

    def _repr_html_(self) -> str:
        name, count = self.optuna_study.study_name, len(self.trials)
        if not any(trial.score is not None for trial in self.trials):
            return f"<b>{name}</b>: {count} trials, none with a score"
        best = self.best_trial
        head = f"<b>{name}</b>: {count} trials, best {best.score:.2f} (trial {best.number})"
        return head + self.best_inr._repr_html_()


def _trial_of(inr: INR | None) -> int | None:
    return None if inr is None else inr.info.get("trial")
