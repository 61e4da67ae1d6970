"""Claim: a network represents a field, a video, scattered points, a masked picture and a stereo
sound better than interpolating the same samples, where neither has seen the truth.

An MRI-like volume of 144^3 points with noise, brought down to 48^3 by the reader: the truth between
the samples is the file. A video of 16 frames of 64 x 64 pixels, whose formula is known between its
samples. 5 000 points in a cube; the truth are another 5 000. A picture of 96 x 96 pixels of which
30 % are masked, where the truth is what is behind the mask. A stereo sound of 4 096 samples, whose
truth between them is their band-limited interpolation. Each is fitted with what `optiinr fit` would
take, and searched for shortly; both count, in one, errors at the samples and between them, or at
the samples kept apart. No training and no search sees the truth of the points and of the mask.

Command: python -m experiments.new_kinds [NAME ...]
Time: about half an hour on 2 cores, sizes of networks cut to that: width 64 at most, 1 500 steps
of a fit (600 of points and mask), 12 trials of 500 steps of a search. Interrupted, it goes on where
it was.
Expected: experiments/results/new_kinds/*.json, and the table of docs/how-to/other_kinds.md.
"""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import optiinr_jax as oi
from optiinr_jax.files import write_atomic
from optiinr_jax.signals import ContinuousSignal, LossWarning, Signal, write_samples
from optiinr_jax.signals.coordinates import places_of_coords
from optiinr_jax.signals.interpolation import interpolator
from optiinr_jax.signals.synthetic_fields import quantity

RESULTS = Path(__file__).parent / "results" / "new_kinds"
RUNS = Path("runs") / "new_kinds"
WIDTH, FIT_STEPS = 64, 1500
SCATTERED_STEPS = 600  # beyond them a network fits the trained samples better and the others worse
SEARCH = {"num_trials": 12, "num_initial": 8, "num_steps": 500, "width": 48, "num_confirm": 2}
Figures = dict[str, float]
# (signal, what a network and interpolations have at its truth)
Case = tuple[Signal, Callable[[Any], float], Figures]


def _volume() -> Case:
    fine = oi.sample_signal("field", (144, 144, 144))
    noise = np.random.default_rng(0).normal(0.0, 4.0, fine.samples.shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "head.nii.gz"
        write_samples(file, fine.samples + noise, fine.frame)
        return _on_a_grid(oi.load_signal(file, 48))


def _video() -> Case:
    return _on_a_grid(oi.sample_signal("video", (16, 64, 64)))


def _sound() -> Case:
    """Two voices, one a little slower than the other."""
    left, right = (oi.sample_signal("audio", n).samples[:4096, 0] for n in (4096, 5000))
    wave = np.stack([left, 0.5 * right + 0.5 * np.roll(left, 40)], axis=-1)
    return _on_a_grid(oi.as_signal(wave, sample_rate=8000, name="stereo"))


def _on_a_grid(signal: Signal) -> Case:
    names = dict.fromkeys(("linear", signal.control))
    controls = {name: _between(signal, signal.interpolated(name)) for name in names}
    return signal, lambda inr: signal.scores(inr.network()).between, controls


def _between(signal: Signal, control: ContinuousSignal) -> float:
    """The score of an interpolation at the places where that of a network is measured."""
    at = jax.jit(ContinuousSignal.at)

    def predict(coords: Any) -> Any:
        return signal.frame.to_natural(at(control, places_of_coords(coords, signal.shape)))

    return signal.scores(predict).between


def _points() -> Case:
    positions = np.random.default_rng(3).uniform(-1.0, 1.0, (10_000, 3))
    values = quantity(positions)
    signal = oi.make_points(positions[:5000], values[:5000], name="cube")
    coords = np.asarray(signal.frame.coords_in("world", positions[5000:]), np.float32)
    inside = np.abs(coords).max(axis=1) <= 1.0
    truth = oi.make_points(positions[5000:][inside], values[5000:][inside], apart=0.0)
    truth = truth.placed_in(signal.frame)
    controls = {"rbf": truth.score_stream(lambda coords: signal.at(np.asarray(coords)))}
    linear = interpolator("linear", signal.training_coords, signal.values)
    to_natural = signal.frame.to_natural
    controls["linear"] = truth.score_stream(lambda coords: to_natural(linear(np.asarray(coords))))
    return signal, lambda inr: truth.score_stream(inr.network()), controls


def _masked() -> Case:
    picture = oi.sample_signal("image", 96)
    hidden = np.random.default_rng(0).uniform(size=picture.shape) < 0.3
    signal = oi.mask(picture, hidden)

    def at_hidden(inr: Any) -> float:
        return next(iter(signal.other_scores(inr.network()).values()))

    _, control = signal.other_scores(lambda coords: jnp.zeros((len(coords), 3))).values()
    return signal, at_hidden, {"linear": control}


CASES: dict[str, Callable[[], Case]] = {
    "volume": _volume,
    "video": _video,
    "points": _points,
    "masked picture": _masked,
    "stereo sound": _sound,
}


def run(name: str) -> Figures:
    """The figures of one signal; what is done already is not done again."""
    path = RESULTS / f"{name.replace(' ', '_')}.json"
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if record.get("is_done"):
        return record
    signal, at_truth, controls = CASES[name]()
    record |= {"signal": repr(signal), "controls": controls}
    RESULTS.mkdir(parents=True, exist_ok=True)
    RUNS.mkdir(parents=True, exist_ok=True)
    if "fit" not in record:
        start = time.monotonic()
        num_steps = SCATTERED_STEPS if signal.is_scattered else FIT_STEPS
        config = oi.recommend(signal, 1, width=WIDTH, num_steps=num_steps)[0].config
        inr = oi.fit(signal, config, num_steps=num_steps, checkpoint=RUNS / f"{path.stem}.fit")
        record["fit"] = _figures(inr, at_truth, start)
        write_atomic(path, json.dumps(record, indent=1).encode())
    if "search" not in record:
        start = time.monotonic()
        study = oi.search(signal, storage=f"sqlite:///{RUNS / path.stem}.db", **SEARCH)
        record["search"] = _figures(study.best_inr, at_truth, start)
    record["is_done"] = True
    write_atomic(path, (json.dumps(record, indent=1) + "\n").encode())
    return record


def _figures(inr: oi.INR, at_truth: Callable[[Any], float], start: float) -> Figures:
    return {
        "samples": inr.scores.samples if inr.scores else float("nan"),
        "truth": at_truth(inr),
        "num_params": inr.num_params,
        "seconds": round(time.monotonic() - start, 1),
    }


def table() -> str:
    """The figures in Markdown."""
    lines = [
        "| signal | interpolation | `fit` | `search` | over linear (points: RBF) | over the best |",
        "|---|---|---|---|---|---|",
    ]
    for name in CASES:
        path = RESULTS / f"{name.replace(' ', '_')}.json"
        record = json.loads(path.read_text()) if path.exists() else {}
        if not record.get("is_done"):
            continue
        controls = ", ".join(f"{n} {v:.1f}" for n, v in record["controls"].items())
        fitted, found = (record[way]["truth"] for way in ("fit", "search"))
        plain = record["controls"]["rbf" if name == "points" else "linear"]
        best = max(record["controls"].values())
        gains = (f"{fitted - control:+.1f}, {found - control:+.1f}" for control in (plain, best))
        row = [name, controls, f"{fitted:.1f}", f"{found:.1f}", *gains]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    warnings.simplefilter("ignore", LossWarning)
    for name in sys.argv[1:] or CASES:
        run(name)
    print(table())


if __name__ == "__main__":
    main()
