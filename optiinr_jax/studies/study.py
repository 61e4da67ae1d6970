"""Study: what a search has found so far, and `ask` and `tell` for a training loop of one's own."""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import optuna

from optiinr_jax.bo.space import Point, Space
from optiinr_jax.inr import INR, NetworkConfig
from optiinr_jax.inr.cost import step_flops
from optiinr_jax.signals import Signal
from optiinr_jax.studies.display import NUM_SHOWN, best_table, curve_svg, dataframe, draw_curve
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.extension import extend
from optiinr_jax.studies.ledger import Ledger
from optiinr_jax.studies.model_file import find_model, save_model
from optiinr_jax.studies.objectives import COSTS, costs_of, front_of
from optiinr_jax.studies.points import config_to_point, point_to_config
from optiinr_jax.studies.rungs import rung_steps
from optiinr_jax.studies.settings import StudySettings, identity
from optiinr_jax.studies.states import StateFolder
from optiinr_jax.studies.store.artifacts import attach_reconstruction
from optiinr_jax.studies.store.rows import Rows
from optiinr_jax.studies.store.schema import COMMAND
from optiinr_jax.studies.training import Job, check_told, train
from optiinr_jax.studies.trials import Claimed, Origin, Outcome, Trial, score_of, trial_key
from optiinr_jax.studies.winner import Configuration, find_winner
from optiinr_jax.text import without_passwords

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

COMPLEX_WIDTH = 2**-0.5  # of a complex layer, which has as many numbers as a real one then
_LONG_FLOPS = 2e12  # a training of more, about a minute on a CPU, keeps a checkpoint
NUM_NETWORKS = 16  # kept in memory, because a confirmation may make another one the best


@dataclass(frozen=True)
class Asked:
    """A trial to be trained by the caller; `Study.tell` ends it.

    Attributes:
        number: of the trial.
        point: names and values in the space.
        config: the network they stand for.
        key: PRNG key of the training, for results that depend on seed and number alone.
        claimed: the trial as the ledger knows it.
    """

    number: int
    point: Point
    config: NetworkConfig
    key: jax.Array
    claimed: Claimed


class Study:
    """A search and what it has found; made by `search`, `create_study` or `load_study`.

    Attributes:
        signal: what is represented.
        space: of the configurations.
        settings: what makes two calls the same search.
        storage: its address; None: in memory.
        model_path: file of the best network; None: nowhere.
        rung_steps: steps at which trials pause; empty: every one goes to its end.
        identity: what makes two studies the same search, see `settings.identity`.
        ledger: this process's part in the study.
        states: where the states of paused trainings lie.
        is_interrupted: whether somebody at a prompt or in a notebook interrupted the search.
    """

    def __init__(
        self,
        signal: Signal,
        space: Space,
        settings: StudySettings,
        rows: Rows,
        storage: str | None,
        model_path: Path | None,
    ) -> None:
        """Look at a stored study; nothing is read or trained."""
        self.signal, self.space, self.settings = signal, space, settings
        self.storage, self.model_path = storage, model_path
        some = self.config_of(space.sample(settings.seed, 1)[0])
        self.rung_steps = rung_steps(settings.shares, some, signal, settings.num_steps)
        num_rungs = len(self.rung_steps)
        self.ledger = Ledger(rows, storage, space, settings, self.config_of, num_rungs)
        self.identity = identity(settings, signal, space)
        self._best: INR | None = None
        self._told: set[int] = set()  # rows of trials, in this process
        self._networks: dict[int, INR] = {}  # of the best trials that this process has trained
        self.states = StateFolder(model_path)
        self.is_stopped = self.is_interrupted = False

    @property
    def name(self) -> str:
        """Name of the study in its storage."""
        return self.ledger.rows.name

    @property
    def optuna_study(self) -> optuna.Study:
        """The same as Optuna knows it."""
        return self.ledger.rows.study

    @property
    def num_trials(self) -> int | None:
        """Budget that was given last, by whatever process; None: none."""
        return self.ledger.rows.budget()

    @property
    def command(self) -> str | None:
        """Command line that made the study, without a password; None: none did."""
        command = self.ledger.rows.shown().get(COMMAND)
        return without_passwords(command) if isinstance(command, str) else None

    @property
    def trials(self) -> list[Trial]:
        """All trials that have begun, in order."""
        return self.ledger.trials()

    @property
    def winner(self) -> Configuration:
        """The configuration that holds best from seed to seed, with all its trials.

        Raises:
            StudyError: no trial has a score.
        """
        trials = self.trials
        if found := find_winner(trials):
            return found
        reasons = [trial.reason for trial in trials if trial.reason]
        text = (
            f"{len(reasons)} failed, the last one: {reasons[-1]}" if reasons else "none has ended"
        )
        raise StudyError(
            f"no trial has a score ({text}); raise num_steps or num_trials, or look at "
            "study.trials."
        )

    @property
    def best_trial(self) -> Trial:
        """The best trial of the configuration that holds best.

        Raises:
            StudyError: no trial has a score.
        """
        return self.winner.best_trial

    @property
    def best_score(self) -> float:
        """Score of the best trial."""
        return score_of(self.best_trial)

    @property
    def best_config(self) -> NetworkConfig:
        """The configuration with the best lower end over its seeds, of those trained on several."""
        return self.config_of(self.winner.point)

    @property
    def best_inr(self) -> INR:
        """The network of the best trial: kept, read from its file, or trained again the same."""
        best = self.best_trial
        if self._best is None or self._best.info.get("trial") != best.number:
            inr = find_model(self.model_path, self.identity, best.number)
            if inr is None:
                inr = self.inr_of(best)
                save_model(self.model_path, inr, self.identity)
            self._best = inr
        return self._best

    def inr_of(self, trial: Trial) -> INR:
        """The network of any trial: kept in memory, or trained again the same.

        Raises:
            StudyError: it was trained by somebody else, or cannot be trained here.
        """
        inr = self._networks.get(trial.number)
        if inr is None and not set(trial.facts) - set(COSTS):
            raise StudyError(
                f"trial {trial.number} was told its score alone, so there is no network of it; "
                "tell networks, or fit study.config_of(trial.point)."
            )
        inr = train(self.job(trial.number, trial.point)).inr if inr is None else inr
        if inr is None:
            raise StudyError(
                f"the network of trial {trial.number} is lost and could not be trained again here; "
                "look for its model file where the search ran."
            )
        return inr

    @property
    def pareto_front(self) -> list[Trial]:
        """Trials that no other one betters in every objective, cheapest first.

        Raises:
            StudyError: the search has no objectives but the score.
        """
        if not self.settings.objectives:
            raise StudyError(
                "this search counts the score alone, so it has one best trial and no front; make "
                'it with objectives=("psnr", "num_bytes").'
            )
        return front_of(self.trials, self.settings.objectives)

    def best_trials(self, num: int) -> list[Trial]:
        """The `num` trials with the highest scores, best first; fewer where no more have one."""
        scored = [trial for trial in self.trials if trial.score is not None]
        return sorted(scored, key=score_of, reverse=True)[:num]

    def config_of(self, point: Point) -> NetworkConfig:
        """The network that a point of the space stands for."""
        return point_to_config(
            point,
            width=self.settings.width,
            modality=self.signal.kind,
            objective=self.settings.aim,
        )

    def job(self, number: int, point: Point) -> Job:
        """What trains a trial from its beginning to its end."""
        return Job(
            signal=self.signal,
            config=self.config_of(point),
            objective=self.settings.aim,
            num_steps=self.settings.num_steps,
            number=number,
            key=trial_key(self.settings.seed, number),
            info={"search": self.identity},
            rungs=self.rung_steps,
        )

    def job_of(self, claimed: Claimed, max_seconds: float | None = None) -> Job:
        """What trains a claimed trial as far as it is to go, from where it is."""
        job = self.job(claimed.number, claimed.point)
        flops = step_flops(job.config, self.signal.num_points, self.signal.num_channels)
        is_long = self.settings.num_steps * flops > _LONG_FLOPS
        return replace(
            job,
            max_seconds=max_seconds,
            pause_at=None if claimed.rung is None else job.rungs[claimed.rung],
            checkpoint=self.states.file(claimed.number) if is_long or job.rungs else None,
        )

    def count_ended(self, num_trials: int | None = None) -> int:
        """Number of trials, of the first `num_trials`, that have a score, failed or were pruned."""
        return self.ledger.count_ended(num_trials)

    def enqueue(self, configuration: Point | NetworkConfig) -> None:
        """Queue a configuration of one's own; it is trained before the strategy proposes again.

        Raises:
            ValueError: it is no point of the space.
        """
        point, width = configuration, self.settings.width
        if isinstance(configuration, NetworkConfig):
            lowest = 1 if "width" in self.space.dimensions else int(width * COMPLEX_WIDTH)
            if not lowest <= configuration.width <= width:
                raise ValueError(
                    f"the configuration has width {configuration.width}, but all trials of this "
                    f"study have {width}; choose one of that width."
                )
            point = config_to_point(configuration, self.space)
        self.ledger.rows.enqueue(self.space.check_point(point), Origin("enqueued"))

    def ask(self) -> Asked:
        """Begin the next trial, for a training loop of one's own; end it with `tell`.

        Raises:
            StudyError: trials that it depends on have not been told; see `batch_size`.
        """
        self.ledger.join()
        claimed = self.ledger.claim(self.num_trials, is_limit=False, may_pause=False)
        if claimed is None:
            raise StudyError(
                f"the next trial needs the scores of trials that still run, batch_size is "
                f"{self.settings.batch_size}; tell them first."
            )
        job = self.job(claimed.number, claimed.point)
        return Asked(claimed.number, claimed.point, job.config, job.key, claimed)

    def tell(
        self, asked: Asked, result: INR | float | int | None = None, *, reason: str = "no score"
    ) -> Trial:
        """End a trial with its network or its score; None, or a score that is nan: it failed.

        A trial that another process has taken over and ended stays as it ended.

        Args:
            asked: what `ask` gave, in this process or another.
            result: the trained network, or its score.
            reason: why it failed.

        Raises:
            StudyError: the trial was told before.
            ValueError: the network is of another signal, objective or number of steps.
        """
        if asked.claimed.row in self._told:
            raise StudyError(f"trial {asked.number} was told before; ask for another.")
        if isinstance(result, INR):
            check_told(result, self.signal, self.settings.aim, self.settings.num_steps)
        self._told.add(asked.claimed.row)
        if isinstance(result, INR):
            result.info.update(self.job(asked.number, asked.point).facts_for_file)
            outcome = Outcome(result)
        else:
            score = math.nan if result is None else float(result)
            outcome = Outcome(reason=reason) if math.isnan(score) else Outcome(score=score)
        self.record(asked.claimed, outcome)
        return self.ledger.read(asked.claimed)

    def record(self, claimed: Claimed, outcome: Outcome) -> bool:
        """Store how a trial ended, its network before it where it is the best so far.

        Returns: whether it was still ours to end; somebody else may have taken it over.
        """
        if outcome.inr is not None and not outcome.is_paused:
            costs = costs_of(outcome.inr, self.settings.objectives)
            outcome = replace(outcome, facts=outcome.facts | costs)
        is_ours = self._record(claimed, outcome)
        if is_ours and not outcome.is_paused:
            self.states.drop(claimed.number)
        return is_ours

    def _record(self, claimed: Claimed, outcome: Outcome) -> bool:
        inr = outcome.inr
        if inr is None or outcome.value is None:
            return self.ledger.end(claimed, outcome, lambda trial: None)
        ended = self.ledger.ended()
        if outcome.value > max(map(score_of, ended), default=-math.inf):
            attach_reconstruction(self.ledger.rows, self.storage, claimed.row, inr)

        def save(trial: Trial) -> None:
            self._networks[trial.number] = inr
            if len(self._networks) > NUM_NETWORKS:
                del self._networks[min(self._networks, key=lambda n: self._networks[n].score)]
            found = find_winner([*self.ledger.ended(), trial])
            if found is not None and found.best_trial.number == trial.number:
                save_model(self.model_path, inr, self.identity)
                self._best = inr

        return self.ledger.end(claimed, outcome, save)

    def refresh_model(self) -> None:
        """Bring the model file up to the winner: a confirmation may have chosen an earlier trial.

        Where no process has kept its network, that is trained again, the same; where that does not
        succeed, the file stays.
        """
        if self.model_path is not None and find_winner(self.trials) is not None:
            with suppress(StudyError):
                _ = self.best_inr

    def stop(self) -> None:
        """End the search in this process after the running trial; for callbacks."""
        self.is_stopped = True

    extend = extend

    def trials_dataframe(self) -> "pandas.DataFrame":
        """The trials as a table, one column for each name of the space; needs pandas.

        Raises:
            ImportError: pandas is not installed.
        """
        return dataframe(self.trials)

    def __repr__(self) -> str:
        return f"Study({self._describe()})"

    def _repr_html_(self) -> str:
        trials, best = self.trials, self.best_trials(NUM_SHOWN)
        shown = curve_svg(trials, self.signal.metric_name) + best_table(best) if best else ""
        return f"<b>{escape(self.name)}</b>: {escape(self._describe())}<br>{shown}"

    def plot(self) -> "Axes":
        """Draw the scores of the trials and the best so far; matplotlib's axes."""
        from matplotlib import pyplot

        _, axes = pyplot.subplots(figsize=(6.0, 3.2), layout="constrained")
        draw_curve(axes, self.trials, self.signal.metric_name)
        axes.set_title(self._describe())
        return axes

    def _describe(self) -> str:
        """What there is so far, in one line; nothing is trained for it."""
        trials = self.trials
        found = find_winner(trials)
        if found is None:
            return f"{len(trials)} trials, none with a score"
        best, unit = found.best_trial, self.signal.metric_name
        return f"{len(trials)} trials, best {best.score:.4g} {unit} (trial {best.number})"
