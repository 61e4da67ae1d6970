"""Is the found configuration better than the published ones?

Scores of a search are those of the seeds that won, so they prove nothing: the found configuration
and the published networks are trained again from seeds that the search never saw, for the same
number of steps, and scored by the objective of the search.
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

from optiinr_jax.checks import check_counts
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import (
    INR,
    PROTOCOLS,
    DivergedError,
    ModelFileError,
    NetworkConfig,
    fit,
    load_inr,
    preset,
)
from optiinr_jax.inr.presets import FACTORS, plain_presets
from optiinr_jax.progress import Progress
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.studies.display import NUM_SHOWN, html_table
from optiinr_jax.studies.study import Study

CLOSE = (
    3.0  # times the metric's margin: a preset so far below the best one on its first seed is out
)
FOUND = "found"  # name of the found configuration's entry
_FRESH = 1_000_000  # no search has so many trials
BEST_PRESET = "best_preset.inr.safetensors"


def fresh_key(seed: int, index: int) -> jax.Array:
    """PRNG key of a training that no trial of a search with this seed has used."""
    return jax.random.fold_in(jax.random.key(seed), _FRESH + index)


@dataclass(frozen=True)
class Entry:
    """One configuration on fresh seeds; a diverged run scores -inf.

    Attributes:
        name: FOUND, or the family of a published network.
        protocol: how it was trained: "search" for the found one, else a row of PROTOCOLS, with the
            factor on its rate where that is not 1.
        scores: by the objective of the search, one of each seed.
        samples: figures at the samples.
        between: figures between the samples.
    """

    name: str
    protocol: str
    config: NetworkConfig
    scores: tuple[float, ...]
    samples: tuple[float, ...] = ()
    between: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        """Mean score."""
        return statistics.fmean(self.scores)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; nan for one seed."""
        is_defined = len(self.scores) > 1 and math.isfinite(self.mean)
        return statistics.stdev(self.scores) if is_defined else math.nan

    @property
    def mean_samples(self) -> float:
        """Mean figure at the samples; nan where there is none."""
        return statistics.fmean(self.samples) if self.samples else math.nan

    @property
    def mean_between(self) -> float:
        """Mean figure between the samples; nan where there is none."""
        return statistics.fmean(self.between) if self.between else math.nan


@dataclass(frozen=True, repr=False)
class Comparison:
    """The found configuration beside the presets, each with its best protocol.

    Attributes:
        found: the configuration of the search.
        presets: best first, one per family, with its best protocol.
        all_protocols: every family and protocol, first fresh seed.
        num_steps: of every training.
        control: between the samples, the figure of what interpolates them.
        control_label: how they were interpolated, in words.
        preset_inr: the best preset's network from the first seed; None: it diverged.
    """

    found: Entry
    presets: tuple[Entry, ...]
    all_protocols: tuple[Entry, ...]
    num_steps: int
    control: float = math.nan
    control_label: str = ""
    preset_inr: INR | None = None

    @property
    def gain(self) -> float:
        """Mean score of the found configuration above that of the best preset."""
        return self.found.mean - self.presets[0].mean

    def __repr__(self) -> str:
        best = self.presets[0]
        return (
            f"Comparison({FOUND} {self.found.mean:.4g}, best of {len(self.presets)} published "
            f"networks {best.name} [{best.protocol}] {best.mean:.4g}, gain {self.gain:+.4g})"
        )

    def _repr_html_(self) -> str:
        shown = (self.found, *self.presets[: NUM_SHOWN - 1])
        rows = [
            (e.name, e.protocol, f"{e.mean:.4g}", f"{e.mean_samples:.4g}", f"{e.mean_between:.4g}")
            for e in shown
        ]
        return html_table(("network", "protocol", "mean score", "at samples", "between"), rows)


def compare(
    study: Study,
    *,
    num_seeds: int = 3,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Comparison:
    """Train the found configuration and all presets from fresh seeds, as long as the search did.

    Every preset runs once under every protocol, one that is not far behind with further factors on
    its rate under the search's own rule; the best one of each family counts, and runs on all seeds
    unless it is far below the best preset. What is already in `path` is not trained again.

    Args:
        study: a search with at least one score.
        num_seeds: fresh seeds.
        path: JSON file that keeps the figures, the best preset's network beside it; None: nowhere.
        progress: show progress.

    Raises:
        ValueError: `num_seeds` below 1.
        StudyError: the search has no score.
    """
    check_counts(num_seeds=num_seeds)
    found_config, signal, settings = study.best_config, study.signal, study.settings
    size = {"modality": signal.kind, "width": settings.width, "depth": settings.depth}
    families = plain_presets(signal.kind)
    total = len(families) * (len(PROTOCOLS) + num_seeds - 1) + num_seeds
    margin = CLOSE * get_kind(signal.kind).metric.margin
    with Progress("compare", total, enabled=progress) as bar:
        fresh = _Fresh(study, None if path is None else Path(path), bar)
        if len(fresh.kept) < len(families) * len(PROTOCOLS):
            kept = f", {len(fresh.kept)} of them done before" if fresh.kept else ""
            bar.line(
                f"compare: what was found and {len(families)} published networks on fresh seeds, "
                f"about {total} trainings of {settings.num_steps} steps{kept}"
            )

        def entry(name: str, protocol: str, config: NetworkConfig, seeds: int) -> Entry:
            figures = [fresh.get(config, i, name) for i in range(seeds)]
            scores, samples, between = zip(*figures, strict=True)
            return Entry(name, protocol, config, scores, samples, between)

        def once(name: str, protocol: str, factor: float = 1.0) -> Entry:
            config = preset(name, protocol=protocol, factor=factor, **size)
            label = protocol if factor == 1.0 else f"{protocol}, rate x {factor:g}"
            return entry(name, label, config, 1)

        firsts = [
            once(name, protocol, FACTORS[0] if protocol == "search" else 1.0)
            for name in families
            for protocol in PROTOCOLS
        ]
        best = {f: max(e.mean for e in firsts if e.name == f) for f in families}
        close = [f for f in families if best[f] > max(best.values()) - margin]
        firsts += [once(f, "search", factor) for f in close for factor in FACTORS[1:]]
        bests = [max((e for e in firsts if e.name == f), key=lambda e: e.mean) for f in families]
        top = max(e.mean for e in bests)
        presets = [
            entry(e.name, e.protocol, e.config, num_seeds if e.mean > top - margin else 1)
            for e in bests
        ]
        found = entry(FOUND, "search", found_config, num_seeds)
    presets.sort(key=lambda e: (-len(e.scores), -e.mean))
    return Comparison(
        found=found,
        presets=tuple(presets),
        all_protocols=tuple(firsts),
        num_steps=settings.num_steps,
        control=signal.control_score,
        control_label=study.best_inr.scores.control_label if study.best_inr.scores else "",
        preset_inr=fresh.network(presets[0].config),
    )


Figures = tuple[float, float, float]  # score, at the samples, between them
_DIVERGED: Figures = (-math.inf, -math.inf, -math.inf)


class _Fresh:
    """Trainings on fresh seeds, each done once; their figures are kept in a JSON file."""

    def __init__(self, study: Study, path: Path | None, bar: Progress) -> None:
        self.study, self.path, self.bar = study, path, bar
        self.known: dict[str, list[float] | None] = {}
        self.networks: dict[str, INR | None] = {}  # of the first seed
        if path is not None and path.is_file():
            self.known = _read_figures(path)
        self.kept = set(self.known)  # from earlier runs, and not yet asked for in this one

    def get(self, config: NetworkConfig, index: int, label: str) -> Figures:
        """Figures of a training, which is done if no run has done it; counted once."""
        name = self._name(config, index)
        is_new, is_kept = name not in self.known, name in self.kept
        self.bar.total += (is_new or is_kept) and self.bar.done >= self.bar.total
        if is_new:
            inr = self._train(config, index)
            if index == 0:
                self.networks[name] = inr
            self.known[name] = None if inr is None else _figures(inr)
            if self.path is not None:
                write_atomic(self.path, json.dumps(self.known, indent=1).encode())
            self.bar.update(self.bar.done + 1, label)
        elif is_kept:
            self.kept.remove(name)
            self.bar.skip()
        figures = self.known[name]
        return _DIVERGED if figures is None else (figures[0], figures[1], figures[2])

    def network(self, config: NetworkConfig) -> INR | None:
        """A network of the first seed: kept, read from its file, or trained again the same."""
        name = self._name(config, 0)
        file = None if self.path is None else self.path.with_name(BEST_PRESET)
        if name not in self.networks:
            self.networks[name] = _read_network(file, name) or self._train(config, 0)
        inr = self.networks[name]
        if inr is not None and file is not None and inr.info.get("fresh") != name:
            inr.info["fresh"] = name
            inr.save(file)
        return inr

    def _name(self, config: NetworkConfig, index: int) -> str:
        settings = self.study.job(0, self.study.winner.point).info["search"]
        label = json.dumps([settings, config.to_json(), index], sort_keys=True)
        return hashlib.sha256(label.encode()).hexdigest()

    def _train(self, config: NetworkConfig, index: int) -> INR | None:
        return train_fresh(self.study, config, index)


def train_fresh(study: Study, config: NetworkConfig, index: int) -> INR | None:
    """A network as a trial of the study is trained, from a fresh seed; None: it diverged."""
    try:
        return fit(
            study.signal,
            config,
            objective=study.settings.aim,
            num_steps=study.settings.num_steps,
            key=fresh_key(study.settings.seed, index),
            share_program=True,
            progress=False,
            warn=False,
        )
    except DivergedError:
        return None


def _figures(inr: INR) -> list[float]:
    assert inr.scores is not None  # a fit has just given them
    return [inr.score, inr.scores.samples, inr.scores.between]


def _read_network(file: Path | None, name: str) -> INR | None:
    if file is None or not file.is_file():
        return None
    try:
        inr = load_inr(file)
    except ModelFileError:
        return None
    return inr if inr.info.get("fresh") == name else None


def _read_figures(path: Path) -> dict[str, Any]:
    """Read what a previous run left; a damaged file only costs its training time."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {name: row for name, row in known.items() if row is None or _is_figures(row)}


def _is_figures(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 3 and all(isinstance(x, float) for x in row)
