"""Is the found network better than the published ones, and will it be as good again?

The best of many trials is partly luck, so its own score proves nothing: the found configuration and
the presets are trained again from seeds that the search never saw, for the same number of steps.
"""

import hashlib
import json
import math
import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from optiinr_jax.files import write_atomic
from optiinr_jax.inr import PROTOCOLS, DivergedError, NetworkConfig, fit, preset
from optiinr_jax.inr.presets import plain_presets
from optiinr_jax.progress import Progress
from optiinr_jax.search.checks import check_counts
from optiinr_jax.search.study import Study
from optiinr_jax.signals import Signal

CLOSE = 3.0  # a preset this far below the best one on its first seed runs on no further ones
_FRESH = 1_000_000  # no search has so many trials
FIRST_CONFIRMING = 1_000  # seeds from here on confirm; no comparison has so many


def fresh_key(settings: dict[str, Any], seed_index: int) -> jax.Array:
    """Key of a training that no trial of the search has used; `settings` are those of the study."""
    return jax.random.fold_in(jax.random.key(settings["seed"]), _FRESH + seed_index)


@dataclass(frozen=True)
class Entry:
    """One configuration and its scores on fresh seeds; a diverged run scores -inf."""

    name: str
    protocol: str
    config: NetworkConfig
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean score."""
        return statistics.fmean(self.scores)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; nan for one seed."""
        is_defined = len(self.scores) > 1 and math.isfinite(self.mean)
        return statistics.stdev(self.scores) if is_defined else math.nan


@dataclass(frozen=True)
class Comparison:
    """The found configuration beside the presets, each with its better protocol."""

    found: Entry
    presets: tuple[Entry, ...]  # best first, one per family, with its best protocol
    all_protocols: tuple[Entry, ...]  # every family and protocol, first fresh seed
    num_steps: int

    @property
    def gain(self) -> float:
        """Mean score of the found configuration above that of the best preset."""
        return self.found.mean - self.presets[0].mean


def compare(
    study: Study,
    *,
    num_seeds: int = 3,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Comparison:
    """Train the found configuration and all presets from fresh seeds, as long as the search did.

    Every preset runs once under every protocol; the best one of each family counts, and runs on
    all seeds unless it is already CLOSE or more below the best preset. Scores already in `path` are
    not trained again.

    Args:
        study: a search with at least one score.
        num_seeds: fresh seeds.
        path: JSON file that keeps the scores; None: nowhere.
        progress: show progress.

    Raises:
        ValueError: `num_seeds` below 1.
        StudyError: the search has no score.
    """
    check_counts(num_seeds=num_seeds)
    settings = study.settings
    scores = _Scores(study.signal, settings, None if path is None else Path(path))
    size = {"width": settings["width"], "depth": settings["depth"]}
    families = plain_presets(study.signal.kind)
    total = len(families) * (len(PROTOCOLS) + num_seeds - 1) + num_seeds
    with Progress("compare", total, enabled=progress) as bar:

        def entry(name: str, protocol: str, config: NetworkConfig, seeds: int) -> Entry:
            values = []
            for i in range(seeds):
                is_new, score = scores.get(config, i)
                bar.update(bar.done + is_new, name)
                values.append(score)
            return Entry(name, protocol, config, tuple(values))

        def once(name: str, protocol: str) -> Entry:
            config = preset(name, modality=study.signal.kind, protocol=protocol, **size)
            return entry(name, protocol, config, 1)

        firsts = [once(name, protocol) for name in families for protocol in PROTOCOLS]
        bests = [max((e for e in firsts if e.name == f), key=lambda e: e.mean) for f in families]
        top = max(e.mean for e in bests)
        presets = [
            entry(e.name, e.protocol, e.config, num_seeds if e.mean > top - CLOSE else 1)
            for e in bests
        ]
        found = entry("found", "search", study.best_config, num_seeds)
    presets.sort(key=lambda e: (-len(e.scores), -e.mean))
    return Comparison(found, tuple(presets), tuple(firsts), settings["num_steps"])


def confirm(
    study: Study, *, num_configs: int = 3, num_seeds: int = 2, progress: bool = True
) -> list[Entry]:
    """Train a search's best configurations from further seeds; the best mean comes first.

    For a configuration that is to be used again, on this signal or another: the best trial may owe
    its score to its seed, and near divergence the next seed may fail. Seeds are not `compare`'s.

    Args:
        study: a search with at least one score.
        num_configs: best trials that are trained again.
        num_seeds: trainings of each.
        progress: show progress.

    Raises:
        ValueError: a count below 1.
        StudyError: the search has no score.
    """
    check_counts(num_configs=num_configs, num_seeds=num_seeds)
    scores = _Scores(study.signal, study.settings, None)
    trials = study.best_trials(num_configs) or [study.best_trial]  # which says why there is none
    entries = []
    with Progress("confirm", len(trials) * num_seeds, enabled=progress) as bar:
        for trial in trials:
            name, config, values = f"trial {trial.number}", study.config_of(trial.point), []
            for i in range(num_seeds):
                values.append(scores.get(config, FIRST_CONFIRMING + i)[1])
                bar.update(bar.done + 1, name)
            entries.append(Entry(name, "search", config, tuple(values)))
    return sorted(entries, key=lambda entry: -entry.mean)


class _Scores:
    """Scores on fresh seeds, computed once and kept in a JSON file."""

    def __init__(self, signal: Signal, settings: dict[str, Any], path: Path | None) -> None:
        self.signal, self.settings, self.path = signal, settings, path
        self.known: dict[str, float | None] = {}
        if path is not None and path.is_file():
            self.known = _read_scores(path)

    def get(self, config: NetworkConfig, seed_index: int) -> tuple[bool, float]:
        """Whether the score had to be computed, and the score."""
        label = json.dumps([self.settings, config.to_json(), seed_index], sort_keys=True)
        name = hashlib.sha256(label.encode()).hexdigest()
        is_new = name not in self.known
        if is_new:
            self.known[name] = self._train(config, seed_index)
            if self.path is not None:
                write_atomic(self.path, json.dumps(self.known, indent=1).encode())
        score = self.known[name]
        return is_new, -math.inf if score is None else score

    def _train(self, config: NetworkConfig, seed_index: int) -> float | None:
        key = fresh_key(self.settings, seed_index)
        steps = self.settings["num_steps"]
        try:
            inr = fit(
                self.signal,
                config,
                num_steps=steps,
                key=key,
                share_program=True,
                progress=False,
                warn=False,
            )
        except DivergedError:
            return None
        return inr.score


def _read_scores(path: Path) -> dict[str, float | None]:
    """Read what a previous run left; a damaged file only costs its training time."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    is_scores = isinstance(known, dict) and all(
        score is None or isinstance(score, float) for score in known.values()
    )
    return known if is_scores else {}
