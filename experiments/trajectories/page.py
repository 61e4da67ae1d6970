"""Write docs/trajectories.md and its figures from what `run` and `pictures` measured.

Command: python -m experiments.trajectories.page
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import stats

from experiments.trajectories import pictures
from experiments.trajectories.controls import ALL, FLOOR, controls_of
from experiments.trajectories.figures import PAGE, draw, draw_pictures, figure_of
from experiments.trajectories.run import PROPOSED, VARIANTS, read
from experiments.trajectories.tasks import TASKS
from optiinr_jax.trajectories import TrajectoryConfig

COLUMNS = {
    "semicircles": ("NLL", "distance to the circle", "W2^2", "sd of radius", "sd of angle"),
    "dropout": ("W2^2", "W2^2 at 0.2", "W2^2 at 0.7", "W2^2 at 0.9"),
    "quantiles": ("MSE", "MSE to the exact", "MSE at 0.1", "MSE at 0.5", "MSE at 0.9"),
}


def page() -> Iterator[str]:
    """All of it."""
    yield "# Trajectories over a hyperparameter\n"
    yield (
        "Written by `python -m experiments.trajectories.page` from what `python -m "
        "experiments.trajectories.run` and `python -m experiments.trajectories.pictures` "
        "measured.\n"
    )
    yield _METHOD
    yield f"\n{_reduced()}\n"
    for task, words in _TASKS.items():
        yield from task_part(task, words)
    yield from pictures_part()


_METHOD = """A network is trained at a few settings of a hyperparameter, the anchors. What are its
outputs at a setting in between? Hyperparameter Trajectory Inference (Amad and van der Schaar, ICLR
2026) learns maps that carry the outputs of one anchor to the next, at the least cost, along curves;
a point on a curve is an output at a setting that was never trained. The cost is the action of a
Lagrangian, a kinetic term with a learned metric minus a potential that is high where outputs are
dense, so that curves keep to where outputs lie. `optiinr_jax.trajectories` is an implementation of
our own:

```python
anchors = oi.trajectories.make_anchors([0.0, 0.5, 1.0], [y_0, y_half, y_1], [x_0, x_half, x_1])
surrogate = oi.trajectories.fit(anchors)  # metric="euclidean", has_potential=False
y = surrogate.sample(0.25)  # or at [0.1, 0.2, 0.3]
surrogate.save("moons.safetensors")
```

Outputs are (n, D) numbers; conditions are classes, or numbers such as a network's inputs. The
kinetic term is an energy, as in the paper's text (`kinetic="energy"`); `"length"` is what its
authors' program computes."""

_TASKS = {
    "semicircles": (
        "Four half circles",
        "The angle of a class of points moves from 0 to half a turn as the setting goes from 0 to "
        "1; anchors at 0, 0.5 and 1, questions at 0.25 and 0.75. NLL is that of the density which "
        "generates the points: below the truth's it means that points crowd on the ridge. W2^2 is "
        "the squared Wasserstein distance to fresh true samples, which punishes that.",
    ),
    "dropout": (
        "Diffusion models under dropout",
        "Eleven diffusion models of two moons, one for each rate of dropout; anchors at 0, 0.5 and "
        "0.99. W2^2 to the samples of the models that were trained at the other eight rates.",
    ),
    "quantiles": (
        "Forecasts of quantiles",
        "Networks that forecast one quantile each of a series; anchors at the levels 0.01 and "
        "0.99. Mean squared distance, in squared degrees, to the networks that were trained at the "
        "five levels in between, and to the exact quantiles, on windows that no network has seen. "
        "Whoever knows that the setting is a level may blend on another scale of it: the last "
        "rows.",
    ),
}


def _reduced() -> str:
    used = TrajectoryConfig()
    return (
        "Smaller than the paper's, for the sake of two cores: "
        f"batches of {used.batch_size} in place of all points, {used.num_steps} steps in place of "
        f"2001, {used.num_inner_steps} steps of Adam in place of L-BFGS for the c-transform, "
        f"{used.num_times} random times of a curve in place of 20 fixed ones, {used.path_width} "
        f"and {used.metric_width} units of the networks of curves and metric in place of 1024 and "
        "128, at most 5 draws of data and training in place of 20. The potential's strength is "
        "that of the integral; the authors' program sums 19 pieces, so that their 0.05 is 0.95 "
        "here. Strengths and rates were chosen on draws 0 to 2, the tables are of draws from 10 "
        "on; intervals are those of Student's t, 95 %."
    )


def task_part(task: str, words: tuple[str, str]) -> Iterator[str]:
    """Table, verdict and figure of one task."""
    title, text = words
    yield f"## {title}\n"
    extra = f" Another than the paper's: {TASKS[task].reduced}." if TASKS[task].reduced else ""
    yield f"{text}{extra} {len(read(task, PROPOSED))} draws.\n"
    columns = COLUMNS[task]
    yield f"| | {' | '.join(columns)} | CPU seconds |"
    yield "|---" * (len(columns) + 2) + "|"
    for name in _order(task):
        rows = read(task, name)
        if not rows:
            continue
        cells = [shown([row["figures"][column] for row in rows]) for column in columns]
        bold = f"**{name}**" if name == PROPOSED else name
        bold += f" ({len(rows)} draws)" if len(rows) != len(read(task, PROPOSED)) else ""
        seconds = np.mean([row["cpu_seconds"] for row in rows])
        yield f"| {bold} | {' | '.join(cells)} | {seconds:.3g} |"
    yield ""
    yield from (f"- {line}" for line in VERDICTS[task]())
    yield ""
    yield f"![{title}]({figure_of(task).name})\n"


def _order(task: str) -> list[str]:
    return [*controls_of.get(task, ALL), *VARIANTS]


def shown(values: Sequence[float]) -> str:
    """Mean and half the 95 % interval."""
    mean = float(np.mean(values))
    digits = max(0, 2 - int(np.floor(np.log10(max(abs(mean), 1e-9)))))
    text = f"{mean:.{min(digits, 4)}f}"
    if len(values) < 2:
        return text
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{text} ± {half:.2g}"


def mean_of(task: str, name: str, figure: str) -> float:
    """Mean over the draws; nan where nothing was run."""
    rows = [row["figures"][figure] for row in read(task, name)]
    return float(np.mean(rows)) if rows else float("nan")


def best_of(task: str, figure: str) -> str:
    """The variant with the least mean, of those that were run on as many draws as the proposed."""
    count = len(read(task, PROPOSED))
    names = [name for name in VARIANTS if len(read(task, name)) == count]
    return min(names, key=lambda name: mean_of(task, name, figure))


def reached(words: str, value: float, is_reached: bool) -> str:
    """One line of a verdict."""
    return f"{words}: {value:.3g}, {'reached' if is_reached else '**not reached**'}."


def semicircles_verdict() -> Iterator[str]:
    """The acceptance figures."""
    nll = {name: mean_of("semicircles", name, "NLL") for name in VARIANTS}
    own = nll[PROPOSED]
    away = mean_of("semicircles", PROPOSED, "distance to the circle")
    yield reached("NLL at most -0.5", own, own <= -0.5)
    yield reached("Distance to the circle at most 0.045", away, away <= 0.045)
    gap = nll["Euclidean"] - own
    yield reached(
        "Nats below the Euclidean metric without a potential, at least 20", gap, gap >= 20
    )
    w2 = mean_of("semicircles", PROPOSED, "W2^2")
    least = min(mean_of("semicircles", name, "W2^2") for name in ALL if name not in FLOOR)
    yield reached(f"W2^2 below that of every control (the least is {least:.3g})", w2, w2 < least)
    order = ("Euclidean", "learned metric", "Euclidean, potential", PROPOSED)
    found = [nll[name] for name in order]
    is_ordered = found[0] > found[1] > found[2] >= found[3]
    values = ", ".join(f"{x:.3g}" for x in found)
    yield (
        f"The paper's order of NLL, {' > '.join(order)}: {values}, "
        f"{'reproduced' if is_ordered else '**not reproduced**'}."
    )
    best = best_of("semicircles", "W2^2")
    yield (
        f"By W2^2 the best variant is *{best}*, "
        f"{mean_of('semicircles', best, 'W2^2'):.3g}; sampling alone is "
        f"{mean_of('semicircles', 'the truth again', 'W2^2'):.3g}."
    )
    length = mean_of("semicircles", f"{PROPOSED}, length", "W2^2")
    yield (
        f"With the authors' length in place of the energy it is {length:.3g}: a length does not "
        "say how fast a curve is run through, so outputs are on the ridge at the wrong time."
    )
    seconds = [row["cpu_seconds"] for row in read("semicircles", PROPOSED)]
    yield reached(
        "Seconds of one processor to train a draw, compilation included, at most 240",
        float(np.max(seconds)),
        max(seconds) <= 240,
    )


def dropout_verdict() -> Iterator[str]:
    """The acceptance figures."""
    own = mean_of("dropout", PROPOSED, "W2^2")
    straight = mean_of("dropout", "exact OT, straight lines", "W2^2")
    held = mean_of("dropout", "left anchor held", "W2^2")
    yield reached("W2^2 at most 0.10", own, own <= 0.10)
    ratio = straight / own
    yield reached("Times below exact transport with straight lines, at least 5", ratio, ratio >= 5)
    best = best_of("dropout", "W2^2")
    relation = "below" if own < held else "not below"
    yield (
        f"Holding the left anchor scores {held:.3g}; the proposed variant is {relation} it, and "
        f"the best variant is *{best}*, {mean_of('dropout', best, 'W2^2'):.3g}. The task asks when "
        "outputs move, hardly where to."
    )
    if own > held:
        yield (
            "Our diffusion models leave the moons before 0.9, and at 0.99 they give a wide cloud. "
            "With one start of the c-transform the maps from the moons to that cloud collapse, "
            f"{mean_of('dropout', f'{PROPOSED}, one start', 'W2^2'):.3g}; the second start, at an "
            "output of the next anchor, is the default for that. Another way that was tried on "
            "these draws: a potential of strength 2, "
            f"{mean_of('dropout', f'{PROPOSED}, stronger', 'W2^2'):.3g}."
        )


def quantiles_verdict() -> Iterator[str]:
    """The acceptance figures."""
    own = mean_of("quantiles", PROPOSED, "MSE")
    linear = mean_of("quantiles", "linear in the setting", "MSE")
    laplace = mean_of("quantiles", "linear on the Laplace scale", "MSE")
    yield reached("Times below the linear blend, at least 2", linear / own, linear >= 2 * own)
    yield reached(f"MSE below the blend on the Laplace scale ({laplace:.3g})", own, own < laplace)
    best = best_of("quantiles", "MSE")
    yield f"The best variant is *{best}*, {mean_of('quantiles', best, 'MSE'):.3g}."


VERDICTS = {
    "semicircles": semicircles_verdict,
    "dropout": dropout_verdict,
    "quantiles": quantiles_verdict,
}


def pictures_part() -> Iterator[str]:
    """What it is worth on our own problem."""
    files = sorted(pictures.FOLDER.glob("*.json"))
    if not files:
        return
    runs = [json.loads(path.read_text())["methods"] for path in files]
    yield "## On our own problem: a picture at another omega\n"
    yield (
        f"SIREN networks ({pictures.WIDTH} units, {pictures.NUM_STEPS} steps) of a picture of "
        f"{pictures.SIZE} x {pictures.SIZE} pixels are trained at omega "
        f"{', '.join(f'{o:g}' for o in pictures.ANCHORS)}, and asked for at "
        f"{', '.join(f'{o:g}' for o in pictures.HELD_OUT)}: {len(runs)} initial draws. PSNR in dB "
        "of the predicted pixels, against the network that was trained there and against the "
        "picture itself; seconds of one processor, compilation included where it is needed.\n"
    )
    columns = [f"omega {o:g}" for o in pictures.HELD_OUT]
    yield f"| | {' | '.join(columns)} | mean | to the picture | CPU seconds |"
    yield "|---" * (len(columns) + 4) + "|"
    for name in runs[0]:
        yield f"| {name} | {' | '.join(_picture_cells(runs, name))} |"
    yield ""
    yield from _picture_verdict(runs)
    yield f"![pictures at omega {pictures.SHOWN:g}]({figure_of('pictures').name})\n"


def _picture_cells(runs: list[dict[str, Any]], name: str) -> list[str]:
    cells = []
    network = [run[name].get("to the network") for run in runs]
    for omega in map(str, pictures.HELD_OUT):
        cells.append(f"{np.mean([r[omega] for r in network]):.1f}" if network[0] else "(truth)")
    cells.append(shown([_mean(r) for r in network]) if network[0] else "")
    original = [run[name].get("to the original") for run in runs]
    cells.append(shown([_mean(r) for r in original]) if original[0] else "")
    return [*cells, f"{np.mean([run[name]['cpu_seconds'] for run in runs]):.2g}"]


def _mean(row: dict[str, float]) -> float:
    return float(np.mean(list(row.values())))


def _picture_verdict(runs: list[dict[str, Any]]) -> Iterator[str]:
    means = {
        name: np.mean([_mean(run[name]["to the network"]) for run in runs])
        for name in runs[0]
        if "to the network" in runs[0][name]
    }
    seconds = {name: np.mean([run[name]["cpu_seconds"] for run in runs]) for name in runs[0]}
    best_surrogate = max(pictures.SURROGATES, key=lambda name: means[name])
    others = {name: m for name, m in means.items() if name not in pictures.SURROGATES}
    best = max(others, key=lambda name: others[name])
    ratio = seconds[best_surrogate] / max(seconds["training there"], 1e-9)
    is_worth = means[best_surrogate] > others[best] and ratio < 1.0
    yield (
        f"**Is it worth having? {'Yes' if is_worth else 'No'}.** The better surrogate is at "
        f"{means[best_surrogate]:.1f} dB of the network that it stands in for, {best} at "
        f"{others[best]:.1f} dB; fitting the surrogate takes {ratio:.0f} times the processor time "
        "of training the network there, which is exact, and three trained anchors besides.\n"
    )
    if not is_worth:
        yield (
            "Outputs are paired by their pixel, so there is no transport to be found, and what "
            "changes with omega are the details, which a map that is smooth in position and colour "
            "cannot say. For a dial between smooth and sharp, blend two trained pictures, or train "
            "at the setting. The module is kept for what it was made for: outputs that are "
            "distributions, of networks that are dear to train.\n"
        )


if __name__ == "__main__":
    for name in TASKS:
        draw(name)
    draw_pictures()
    PAGE.write_text("\n".join(page()).rstrip() + "\n")
    print(PAGE)
