"""Training on pairs of stored runs: no simulation, many networks in one program.

Any two stored runs are an example: the target is what one of them observed, the guess the unknowns
of the other one with noise on them, the label the *clean* guess's loss. So n simulations give n^2
examples. A step shows each of a few targets with several guesses, so that a target is encoded
once. All networks, of several noise scales and seeds, train in one vmap of one scan.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, ArrayLike, Float, Int, Key, PRNGKeyArray

from optiinr_jax.landscapes.network import (
    Proxy,
    ProxyConfig,
    check_config,
    encode_target,
    estimate_loss,
    init_proxy,
)
from optiinr_jax.landscapes.regularisers import NOISES, PENALTIES
from optiinr_jax.progress import Progress

_CHUNKS = 20  # calls of the one compiled program, between which progress is told


def squared_distance(target: Float[Array, "*o"], observed: Float[Array, "*o"]) -> Float[Array, ""]:
    """Squared Euclidean norm of what two runs observed, the loss of the paper."""
    return jnp.sum((observed - target) ** 2)


# name -> what the network learns of a loss; all but "identity" change what the noise averages
LABELS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda loss: loss,
    "sqrt": jnp.sqrt,
    "log": jnp.log1p,
}


@dataclass(frozen=True, kw_only=True)
class ProxyTraining:
    """How networks are trained; see the tables for the names.

    Attributes:
        noise: kind of noise on the guess, in NOISES.
        penalty: what is added to the squared error, in PENALTIES.
        label: what is learned of the loss in units of its standard deviation, in LABELS.
        targets_per_step: targets in a step.
        guesses_per_target: guesses for each of them.
        learning_rate: Adam's at the start; it falls to 0 as half a cosine.
        near_share: share of the guesses that are among the `num_near` runs nearest to the target's
            own unknowns; where it is not 0 the blur has more weight there.
        loss: (target, observed) -> loss of the run that observed it; a function of a module.
    """

    num_steps: int = 4000
    noise: str = "gaussian"
    penalty: str = "none"
    label: str = "identity"
    targets_per_step: int = 32
    guesses_per_target: int = 8
    learning_rate: float = 2e-3
    near_share: float = 0.0
    num_near: int = 16
    loss: Callable[[Any, Any], Any] = field(default=squared_distance)


class Runs(NamedTuple):
    """Stored runs: unknowns in [0, 1], and what was observed of each."""

    x: Float[Any, "n d"]
    y: Float[Any, "n ..."]


class TrainedProxies(NamedTuple):
    """Networks with one leading axis, and what their labels were divided by.

    Attributes:
        proxy: arrays of all networks.
        noise_scales: of each network.
        label_scale: estimate times this is the loss, where the label is "identity".
        history: mean squared error of every step, of each network.
    """

    proxy: Proxy
    noise_scales: Float[Any, " k"]
    label_scale: float
    history: Float[Any, "steps k"]


class _Data(NamedTuple):
    x: Any  # unknowns of the runs
    y: Any  # what they observed
    targets: Any
    near: Any  # for each target the runs nearest to it, or those that it has labels of
    label_scale: Any


def train_proxies(
    runs: Runs,
    noise_scales: Float[ArrayLike, " k"] | Sequence[float],
    *,
    config: ProxyConfig,
    training: ProxyTraining,
    targets: Float[ArrayLike, "t ..."] | None = None,
    labelled: Int[ArrayLike, "t k"] | None = None,
    penalty_weight: float = 0.0,
    seed: int = 0,
    progress: bool = True,
) -> TrainedProxies:
    """Train one network for each noise scale given; name a scale twice for two seeds of it.

    Args:
        noise_scales: standard deviations of the noise in parts of an unknown's range.
        targets: what the targets observed; by default every run is a target.
        labelled: places of the runs that each target is shown with; by default all runs.
        penalty_weight: of the penalty, on labels of standard deviation 1.
        seed: network i has a key of its own from the seed and i.

    Raises:
        ValueError: runs or names that cannot be used.
        FloatingPointError: a network's error is no number any more.
    """
    scales = np.asarray(noise_scales, np.float32)
    data = _prepare(runs, targets, labelled, training, seed)
    share = training.near_share if labelled is None else 1.0
    training = replace(training, near_share=share)
    check_config(config, data.targets.shape[1:])
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(len(scales)))
    length = -(-training.num_steps // _CHUNKS)
    carry = _init(keys, config, training, data.targets.shape[1:], data.x.shape[1])
    options: Any = {"config": config, "training": training, "length": length}
    weight, history = jnp.float32(penalty_weight), []
    with Progress(f"{len(scales)} networks", _CHUNKS * length, enabled=progress) as shown:
        for first in range(0, _CHUNKS * length, length):
            carry, errors = _run(
                carry, keys, jnp.asarray(scales), weight, data, jnp.int32(first), **options
            )
            history.append(np.asarray(errors))
            if not np.isfinite(history[-1][-1]).all():
                raise FloatingPointError(
                    f"training diverged before step {first + length}: use a learning_rate below "
                    f"{training.learning_rate:g}, or the label 'log'."
                )
            shown.update(first + length, f"error {history[-1][-1].mean():.3g}")
    return TrainedProxies(carry[0], scales, float(data.label_scale), np.concatenate(history))


def pick(trained: TrainedProxies, i: int) -> Proxy:
    """Arrays of one network."""
    return jax.tree.map(lambda leaf: leaf[i], trained.proxy)


def _prepare(runs: Runs, targets: Any, labelled: Any, training: ProxyTraining, seed: int) -> _Data:
    """Arrays of the training, checked."""
    x, y = np.asarray(runs.x, np.float32), np.asarray(runs.y, np.float32)
    check_runs(x, y, training)
    if training.near_share and (targets is not None or labelled is not None):
        raise ValueError("near_share takes runs as targets; leave out targets, or set it to 0.")
    targets = y if targets is None else np.asarray(targets, np.float32)
    near = nearest(x, training.num_near) if training.near_share else np.zeros((len(targets), 0))
    near = np.asarray(near if labelled is None else labelled, np.int32)
    rng = np.random.default_rng(seed)
    i, j = rng.integers(len(targets), size=4096), rng.integers(len(x), size=4096)
    if labelled is not None:
        j = near[i, rng.integers(near.shape[1], size=4096)]
    losses = jax.vmap(training.loss)(jnp.asarray(targets[i]), jnp.asarray(y[j]))
    scale = float(np.std(np.asarray(losses)))
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(
            f"the losses of the runs vary by {scale:g}; they have to be finite and vary."
        )
    return _Data(*map(jnp.asarray, (x, y, targets, near, np.float32(scale))))


def check_runs(x: np.ndarray, y: np.ndarray, training: ProxyTraining) -> None:
    """Raise ValueError where runs or names cannot be used."""
    if x.ndim != 2 or len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"got unknowns of shape {x.shape} and observations of shape {y.shape}; expected (n, d) "
            "and (n, ...) for the same n of at least 2 runs."
        )
    if not (np.isfinite(x).all() and x.min() >= 0.0 and x.max() <= 1.0):
        raise ValueError(
            f"unknowns lie in [{x.min():.3g}, {x.max():.3g}]; scale every one of them to [0, 1]."
        )
    if not np.isfinite(y).all():
        bad = int((~np.isfinite(y)).reshape(len(y), -1).any(axis=1).sum())
        raise ValueError(f"{bad} runs observed values that are not finite; leave them out.")
    for name, table in (("noise", NOISES), ("penalty", PENALTIES), ("label", LABELS)):
        if getattr(training, name) not in table:
            raise ValueError(
                f"got {name} {getattr(training, name)!r}; known are {', '.join(table)}."
            )


def nearest(x: Float[np.ndarray, "n d"], num: int) -> Int[np.ndarray, "n k"]:
    """For every run the places of the runs with the nearest unknowns, itself the first."""
    from scipy.spatial import KDTree

    return np.atleast_2d(KDTree(x).query(x, min(num, len(x)))[1]).astype(np.int32)


def _optimizer(training: ProxyTraining) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(training.learning_rate, training.num_steps))


def _trained_part(proxy: Proxy) -> tuple[Any, Any]:
    return proxy.encoder, proxy.head


@partial(jax.jit, static_argnames=("config", "training", "observed", "num_unknowns"))
def _init(
    keys: Key[Array, " k"],
    config: ProxyConfig,
    training: ProxyTraining,
    observed: tuple[int, ...],
    num_unknowns: int,
) -> tuple[Proxy, Any]:
    """Untrained networks and the states of their optimisers."""
    proxy = jax.vmap(lambda key: init_proxy(key, config, observed, num_unknowns))(keys)
    return proxy, jax.vmap(lambda p: _optimizer(training).init(_trained_part(p)))(proxy)


@partial(jax.jit, static_argnames=("config", "training", "length"), donate_argnames=("carry",))
def _run(
    carry: tuple[Proxy, Any],
    keys: Key[Array, " k"],
    noise_scales: Float[Array, " k"],
    penalty_weight: Float[Array, ""],
    data: _Data,
    first: Int[Array, ""],
    *,
    config: ProxyConfig,
    training: ProxyTraining,
    length: int,
) -> tuple[tuple[Proxy, Any], Float[Array, "steps k"]]:
    """Some steps of all networks as one scan."""
    optimizer = _optimizer(training)

    def one(proxy: Proxy, state: Any, key: PRNGKeyArray, scale: Array, i: Array) -> Any:
        batch = _draw_pairs(jax.random.fold_in(key, i + 1), scale, data, training)

        def loss_fn(part: Any) -> tuple[Array, Array]:
            return _batch_error(
                Proxy(proxy.frequencies, *part), batch, penalty_weight, config, training
            )

        part = _trained_part(proxy)
        gradient, error = jax.grad(loss_fn, has_aux=True)(part)
        updates, state = optimizer.update(gradient, state, part)
        new: Any = optax.apply_updates(part, updates)
        return Proxy(proxy.frequencies, *new), state, error

    def step(carry: Any, i: Array) -> Any:
        every: Any = jax.vmap(one, (0, 0, 0, 0, None))
        proxy, state, error = every(*carry, keys, noise_scales, i)
        return (proxy, state), error

    return jax.lax.scan(step, carry, first + jnp.arange(length))


class _Pairs(NamedTuple):
    """Targets of a step, and for each of them noisy guesses with their clean labels."""

    targets: Any
    x: Any
    labels: Any
    key: Any


def _draw_pairs(
    key: PRNGKeyArray, scale: Float[Array, ""], data: _Data, training: ProxyTraining
) -> _Pairs:
    """Noise goes to the guess after its label is taken: that is what blurs."""
    key_target, key_guess, key_near, key_noise, key_penalty = jax.random.split(key, 5)
    shape = training.targets_per_step, training.guesses_per_target
    i = jax.random.randint(key_target, shape[:1], 0, len(data.targets))
    j = jax.random.randint(key_guess, shape, 0, len(data.x))
    if training.near_share:
        num_near = round(training.near_share * shape[1])
        place = jax.random.randint(key_near, (shape[0], num_near), 0, data.near.shape[1])
        j = j.at[:, :num_near].set(data.near[i[:, None], place])
    loss = jax.vmap(jax.vmap(training.loss, (None, 0)))(data.targets[i], data.y[j])
    noise = NOISES[training.noise](key_noise, (*shape, data.x.shape[1]))
    labels = LABELS[training.label](loss / data.label_scale)
    return _Pairs(data.targets[i], data.x[j] + scale * noise, labels, key_penalty)


def _batch_error(
    proxy: Proxy,
    batch: _Pairs,
    penalty_weight: Float[Array, ""],
    config: ProxyConfig,
    training: ProxyTraining,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Penalised mean squared error, and the error alone."""
    codes = jax.vmap(lambda target: encode_target(proxy, target, config))(batch.targets)
    estimate = jax.vmap(jax.vmap(partial(estimate_loss, proxy), (None, 0)))
    error = jnp.mean((estimate(codes, batch.x) - batch.labels) ** 2)
    if training.penalty == "none":
        return error, error

    def penalty(code: Array, x: Array, key: PRNGKeyArray) -> Array:
        return PENALTIES[training.penalty](partial(estimate_loss, proxy, code), x, key)

    keys = jax.random.split(batch.key, batch.labels.shape)
    penalties = jax.vmap(jax.vmap(penalty, (None, 0, 0)))(codes, batch.x, keys)
    return error + penalty_weight * jnp.mean(penalties), error
