"""The published networks side by side on one signal, each trained as its authors did.

Every network is a file of its own in one folder, written when it is trained, and a long training
has a checkpoint: an interrupted comparison goes on where it was.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from optiinr_jax.files import write_atomic
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.fitting import DivergedError, FloorWarning, fit
from optiinr_jax.inr.model_file import ModelFileError
from optiinr_jax.inr.presets import preset
from optiinr_jax.inr.published import PRESETS
from optiinr_jax.inr.representation import INR, load_inr
from optiinr_jax.inr.task import resolve
from optiinr_jax.signals import Signal

SUMMARY = "comparison.json"


class Baseline(NamedTuple):
    """One published network on one signal."""

    name: str
    config: NetworkConfig
    inr: INR | None  # None: it could not be trained
    seconds: float  # of training
    problem: str  # why not, or what was wrong with the result

    @property
    def score(self) -> float | None:
        """Of the fit; higher is better."""
        return None if self.inr is None else self.inr.score


def fit_presets(
    signal: Signal,
    folder: Path,
    *,
    names: Sequence[str] | None = None,
    protocol: str = "official",
    num_steps: int = 2000,
    width: int = 256,
    depth: int | None = None,
    seed: int = 0,
    progress: bool = True,
    info: dict[str, Any] | None = None,
) -> list[Baseline]:
    """Train published networks on a signal; those that `folder` has already are not trained again.

    A network that cannot be trained on this signal (a grid that does not divide into its groups, a
    divergence) is listed with its problem, and the others go on.

    Args:
        folder: takes NAME.inr.safetensors of each network and `comparison.json`.
        names: of presets; None: all of the signal's kind.
        protocol: see `preset`.
        num_steps: updates of each.
        width: nominal width.
        depth: activated layers; None: the authors'.
        seed: of the initial parameters.
        progress: show progress.
        info: facts for the model files.

    Raises:
        ValueError: an unknown name or protocol, or a folder with networks of another comparison.
    """
    rows = PRESETS[signal.kind]
    configs = {name: _preset(signal, name, protocol, width, depth) for name in names or rows}
    digest = hashlib.sha256(signal.content()).hexdigest()
    options = {"num_steps": num_steps, "seed": seed, "progress": progress}
    train = partial(fit, signal, share_program=False, pause_at=num_steps, info=info, **options)
    paths = {name: folder / f"{name}.inr.safetensors" for name in configs}
    known = {n: _load(n, paths[n], configs[n], digest, num_steps, seed) for n in configs}
    done = []
    for name, config in configs.items():
        done.append(known[name] or _fit(name, paths[name], train, config, digest))
        write_atomic(folder / SUMMARY, json.dumps(summary(signal, done), indent=1).encode())
    return done


def _preset(
    signal: Signal, name: str, protocol: str, width: int, depth: int | None
) -> NetworkConfig:
    """The network as its file will have it."""
    config = preset(name, modality=signal.kind, protocol=protocol, width=width, depth=depth)
    return resolve(signal, config, None)[1]


def summary(signal: Signal, baselines: Sequence[Baseline]) -> dict:
    """Plain data about a comparison, best first; `control` is what needs no network."""
    ranked = sorted(baselines, key=lambda b: float("-inf") if b.score is None else b.score)[::-1]
    return {
        "signal": signal.name,
        "kind": signal.kind,
        "shape": list(signal.shape),
        "metric": signal.metric_name,
        "control": signal.control_score,
        "control_name": signal.control,
        "networks": [
            {
                "name": b.name,
                "score": b.score,
                **_figures(b.inr),
                "seconds": round(b.seconds, 1),
                "num_params": b.inr and b.inr.num_params,
                "num_steps": b.inr and b.inr.num_steps,
                "problem": b.problem,
                "config": b.config.to_json(),
            }
            for b in ranked
        ],
    }


def _figures(inr: INR | None) -> dict[str, float | None]:
    """Scores at the samples and between them; None where there are none."""
    scores = None if inr is None else inr.scores
    names = ("samples", "between")
    return {name: None if scores is None else getattr(scores, name) for name in names}


def _load(
    name: str, path: Path, config: NetworkConfig, digest: str, num_steps: int, seed: int
) -> Baseline | None:
    """What an earlier call has trained; None: nothing.

    Raises:
        ValueError: it is another fit, which would be lost.
    """
    if not path.is_file():
        return None
    try:
        inr = load_inr(path)
    except ModelFileError:
        return None
    facts = (inr.config.to_json(), inr.info.get("signal_sha256"), inr.num_steps, inr.seed)
    if facts != (config.to_json(), digest, num_steps, seed):
        raise ValueError(
            f"{path} is the network of another signal or other options, which this would replace; "
            "choose another folder (--out), or remove it."
        )
    return Baseline(name, config, inr, inr.info["seconds"], inr.info["problem"])


def _fit(
    name: str,
    path: Path,
    train: Callable[..., INR],
    config: NetworkConfig,
    digest: str,
) -> Baseline:
    start, checkpoint = time.monotonic(), path.with_suffix(".checkpoint")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FloorWarning)
        try:
            inr = train(config, checkpoint=checkpoint)
        except (ValueError, DivergedError) as error:
            return Baseline(name, config, None, time.monotonic() - start, str(error))
    seconds = time.monotonic() - start
    problem = "no better than a constant" if caught else ""
    inr.info.update(signal_sha256=digest, seconds=seconds, problem=problem)
    inr.save(path)
    checkpoint.unlink(missing_ok=True)
    return Baseline(name, config, inr, seconds, problem)
