"""Networks of every kind for every kind of signal, as they are exported, and their values."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import optiinr_jax as oi
from optiinr_jax.inr import INR, FourierFeatures, NetworkConfig, init, make_layer
from optiinr_jax.inr.lowering import lower
from optiinr_jax.inr.reparameterization import fourier_basis
from optiinr_jax.inr.task import resolve

TOLERANCE = 1e-4
SIZES = {"image": (12, 16), "audio": 300, "volume": (10, 8, 6)}
OTHERS = {  # name -> kind, shape of its samples, attributes
    "video": ("video", (5, 12, 16, 3), {"frame_rate": 5.0}),
    "series": ("field", (60, 1), {}),
    "stereo": ("audio", (300, 2), {"sample_rate": 8000.0}),
    "field": ("field", (6, 8, 10, 1), {}),
    "points in a plane": ("points", (40, 2), {}),
    "field of vectors in time": ("field", (4, 5, 6, 7, 2), {}),
    "map": ("field", (12, 16, 1), {"spacing_0": 1.0, "spacing_1": 1.5}),
}
FOURIER = FourierFeatures(sigma=2.0, num_frequencies=12)
ENCODED = NetworkConfig(layers=(make_layer("relu"),) * 3, width=12, encoding=FOURIER)
SMALL = oi.inr.FourierReparameterization(num_low=8, num_high=8, num_phases=4)
KINDS_OF_NETWORK = {  # name -> configuration for a kind of signal
    "sine": lambda kind: oi.preset("siren", modality=kind, width=12),
    "complex wavelet": lambda kind: oi.preset("wire", modality=kind, width=15),
    "gaussian": lambda kind: oi.preset("gauss", modality=kind, width=12),
    "Fourier-encoded ReLU": lambda kind: ENCODED,
    "FR": lambda kind: replace(oi.preset("fr", modality=kind, width=13), reparameterization=SMALL),
}
CASES = [(kind, name) for kind in SIZES for name in KINDS_OF_NETWORK]


def noise(shape):
    return np.random.default_rng(0).uniform(size=shape).astype("f4")


def other_signal(name):
    kind, shape, attributes = OTHERS[name]
    if kind == "points":
        return oi.make_points(noise(shape), noise(shape[:1]))
    return oi.make_signal(kind, noise(shape), attributes=attributes)


def make_signal(kind):
    rng = np.random.default_rng(0)
    size = SIZES[kind]
    if kind == "image":
        return oi.make_signal("image", rng.uniform(size=(*size, 3)).astype("f4"))
    if kind == "audio":
        return oi.sample_signal("audio", size)
    return oi.make_signal("volume", rng.uniform(size=(*size, 1)) > 0.6)


def random_variables(config, *, num_dims=2, num_channels=3):
    """As `init` draws them, but without a program to be compiled for each network."""
    shapes = jax.eval_shape(
        partial(init, config=config, num_dims=num_dims, num_channels=num_channels),
        jax.random.key(0),
    )
    rng = np.random.default_rng(3)
    lowered = lower(config, num_dims)
    bounds = {f"hidden_{i}": float(layer.weight_bound) for i, layer in enumerate(lowered.layers)}
    bounds["output"] = float(lowered.output_weight_bound)
    variables = jax.tree.map_with_path(
        lambda path, leaf: jnp.float32(
            bounds.get(path[1].key.removesuffix("_orthogonal"), 0.5)
            * rng.uniform(-1.0, 1.0, leaf.shape)
        ),
        shapes,
    )
    if config.reparameterization is not None:
        basis = fourier_basis(config.reparameterization, config.width)
        variables["constants"]["fourier_basis"] = basis
        norms = np.linalg.norm(basis, axis=1)[:, None]
        for i in range(1, config.depth):
            variables["params"][f"hidden_{i}"]["kernel"] /= norms
    return variables


def network_of(signal, config):
    signal, config, _ = resolve(signal, config, None)
    sizes = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
    return INR(config, random_variables(config, **sizes), signal.frame)


def predicted(inr):
    """The network, coordinates, and its values there."""
    shape = (1000, inr.frame.num_dims)
    coords = np.random.default_rng(1).uniform(-1.0, 1.0, shape).astype("f4")
    return inr, coords, inr.predict(coords)


def assert_close(got, expected, tolerance=TOLERANCE):
    assert got.shape == expected.shape and np.abs(got - expected).max() <= tolerance
