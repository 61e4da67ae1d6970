"""What a training rule does during a run: the figure of docs/training_rules.md.

Command: python -m experiments.training_rules_effect
Time: 3 minutes on one core.
Expected: experiments/results/training_rules_effect.json
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from experiments.figures import save
from experiments.protocol import fresh_key
from experiments.records import keep_result, read_result
from experiments.training_rules import FIRST, SCREEN, Run, make_config, read_signal
from optiinr_jax.inr.fitting import points_of
from optiinr_jax.inr.optimizer import make_optimizer
from optiinr_jax.inr.training import draw_rows, loss_and_grads, prepare

EFFECT = "training_rules_effect"
NEW = "soap, normalised"
SHOWN = {FIRST: "#8a8f98", "adamw, normalised": "#4e79a7", NEW: "#c0392b"}


def effect() -> None:
    """Loss, gradient norm, and Adam's second moment over one run of each rule."""
    signal = SCREEN[0]
    found = {}
    for rule in SHOWN:
        for factor in (1.0, 4.0):
            run = Run("effect", signal, "found", rule, factor, "grid", 500, 0)
            found[f"{rule} x {factor:g}"] = _watch(run)
    print(keep_result(EFFECT, found))


def _watch(run: Run) -> dict[str, list[float]]:
    config, signal = make_config(run), read_signal(run.signal)
    points = points_of(signal, run.sampling)
    state, data, lowered = prepare(
        fresh_key(7, run.seed),
        points,
        replace(config, sampling=run.sampling),
        run.num_steps,
        share_program=False,
        keep_best=False,
    )
    optimizer = make_optimizer(lowered, run.num_steps)

    @jax.jit
    def update(params: Any, opt_state: Any, step: Any) -> Any:
        rows = draw_rows(data, step, lowered)
        loss, grads = loss_and_grads(params, data.constants, rows, lowered)
        updates, after = optimizer.update(grads, opt_state, params, step=step)
        moved = optax.tree.norm(updates)
        return optax.apply_updates(params, updates), after, (loss, optax.tree.norm(grads), moved)

    params, opt_state, rows = state.params, state.opt_state, []
    for step in range(run.num_steps):
        params, opt_state, numbers = update(params, opt_state, np.int32(step))
        second = optax.tree_utils.tree_get_all_with_path(opt_state, "nu")
        moment = math.sqrt(sum(float(leaf.sum()) for _, part in second for leaf in _leaves(part)))
        unbiased = moment / math.sqrt(1.0 - 0.999 ** (step + 1))
        rows.append([*map(float, numbers), unbiased])
    columns = ("loss", "gradient norm", "step length", "root of the second moment")
    return {
        name: [float(f"{x:.4g}") for x in column]
        for name, column in zip(columns, zip(*rows, strict=True), strict=True)
    }


def _leaves(tree: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "sum")]


def draw(path: Path) -> None:
    """Three panels: how good, how large the gradient, how long Adam's step beside the gradient."""
    from matplotlib.figure import Figure

    found = read_result(EFFECT)
    figure = Figure(figsize=(11.0, 4.0), layout="constrained", facecolor="white")
    axes = figure.subplots(1, 3)
    for rule, colour in SHOWN.items():
        for factor, style in ((1.0, "-"), (4.0, ":")):
            row = {name: np.array(x) for name, x in found[f"{rule} x {factor:g}"].items()}
            label = rule if factor == 1.0 else f"{rule}, rates x 4"
            axes[0].plot(10 * np.log10(4.0 / row["loss"]), style, color=colour, lw=1.2, label=label)
            axes[1].semilogy(row["gradient norm"], style, color=colour, lw=0.8)
            if rule != NEW:  # SOAP keeps its moments in another basis
                seen = 1.0 if "normalised" in rule else row["gradient norm"]
                ratio = seen / np.maximum(row["root of the second moment"], 1e-30)
                axes[2].semilogy(ratio, style, color=colour, lw=0.8)
    axes[0].set(title="loss as PSNR (dB)", xlabel="step", ylim=(10, None))
    axes[1].set(title="norm of the gradient", xlabel="step")
    axes[2].set(title="gradient over Adam's memory of it", xlabel="step")
    axes[2].axhline(1.0, color="k", lw=0.6)
    figure.legend(frameon=False, fontsize=9, ncols=3, loc="outside lower center")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    save(figure, path)


if __name__ == "__main__":
    effect()
