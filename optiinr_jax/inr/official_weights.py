"""Networks from the PyTorch weights that the authors of SIREN, FINER, WIRE and their kin save.

A state dict names its arrays by layer, `net.0.linear.weight`, `net.net.3.0.bias`, `net.4.weight`:
what stands between the numbers differs, their order does not. The last layer is the output layer.
Weights are (out, in) there and (in, out) here; complex ones are pairs here.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import NetworkConfig, make_layer
from optiinr_jax.inr.encodings import FourierFeatures, NerfFrequencies
from optiinr_jax.inr.fitting import make_inr
from optiinr_jax.inr.model import map_names
from optiinr_jax.inr.presets import preset
from optiinr_jax.inr.representation import INR
from optiinr_jax.signals import Signal, as_signal, make_signal
from optiinr_jax.signals.inputs import SignalLike

Arrays = dict[str, np.ndarray]
_PARTS = ("weight", "bias", "lamb", "bases")
_NUMBERS = {"omega_0": "omega", "scale_0": "sigma"}  # which WIRE's layers hold themselves
_COLUMN_FIRST = ("wire_original", "wire2d")  # whose code gives coordinates as (column, row)
_SECOND_MAP = "scale_orth"


def from_state_dict(
    weights: Mapping[str, Any] | str | os.PathLike[str],
    network: str,
    signal: SignalLike | None = None,
    *,
    modality: str = "image",
    shape: tuple[int, ...] | None = None,
    column_first: bool | None = None,
    **numbers: float,
) -> INR:
    """A network of this package from the weights of an official PyTorch checkpoint.

    FR's mixtures are multiplied out, to plain weights. Nothing is unpickled: of a .pth file,
    `torch.save({k: v...})`, hand in what `torch.load(path, weights_only=True)` gives.

    Args:
        weights: a state dict, name -> array (of NumPy or torch), or a .safetensors or .npz file.
        network: of which published network, a name that `preset` knows: siren, finer, wire, ...
        signal: what it represents, by which it is scored; or give `shape`.
        modality: kind of signal, where there is none: image, audio or volume.
        shape: of its grid, where there is no signal.
        column_first: whether the network takes (column, row), as WIRE's own code does; None: what
            the authors of `network` do.
        numbers: omega, sigma, ... of every layer where they are not the preset's. WIRE's are read
            from the checkpoint.

    Raises:
        ValueError: the arrays are not those of such a network; the sentence says which.

    >>> rng = np.random.default_rng(0)
    >>> state = {f"net.{i}.linear.weight": rng.normal(size=(8, n)) for i, n in enumerate([2, 8])}
    >>> state |= {f"net.{i}.linear.bias": rng.normal(size=8) for i in range(2)}
    >>> state |= {"net.2.weight": rng.normal(size=(3, 8)), "net.2.bias": np.zeros(3)}
    >>> inr = from_state_dict(state, "siren", shape=(4, 4), omega=10.0)
    >>> inr.config.width, inr.config.depth, inr.config.layers[0].numbers
    (8, 2, {'omega': 10.0})
    """
    arrays = _read(weights)
    layers, found = _by_layer(arrays)
    if len(layers) < 2:
        raise ValueError(
            f"the weights are {sorted(arrays)!r:.200}, but a layer and an output layer were "
            "expected, with names like net.0.linear.weight; give the whole state dict."
        )
    made = _grid(signal, modality, shape, num_channels=len(layers[-1]["bias"]))
    config = _config(layers, network, made.kind, made.num_dims, {**found, **numbers})
    names = [name for i in range(config.depth) for name in _maps(config, i)] + ["output"]
    flat = [_leaves(part) for layer in layers for part in _split(layer)]
    if len(flat) != len(names):
        raise ValueError(
            f"the weights have {len(flat)} linear maps, but {network!r} with {config.depth} layers "
            f"has {len(names)}; choose the preset of this network."
        )
    params = dict(zip(names, flat, strict=True))
    if network in _COLUMN_FIRST if column_first is None else column_first:
        for name in _maps(config, 0):
            rows = [1, 0, *range(2, made.num_dims)]
            params[name]["kernel"] = params[name]["kernel"][..., rows, :]
    _check_shapes(params, config, network, made.num_dims)
    params = {n: {k: jnp.asarray(v, jnp.float32) for k, v in p.items()} for n, p in params.items()}
    inr = make_inr(made, config, {"params": params, "constants": {}})
    return inr if signal is not None else replace(inr, score=math.nan, scores=None)


def _grid(
    signal: SignalLike | None, modality: str, shape: tuple[int, ...] | None, num_channels: int
) -> Signal:
    """The signal, or one of zeros that has its shape."""
    if signal is not None:
        return as_signal(signal)
    if shape is None:
        raise ValueError("neither signal nor shape was given; give one, for the grid.")
    return make_signal(modality, np.zeros((*shape, num_channels), np.float32))


def _read(weights: Any) -> Arrays:
    """Arrays of a state dict or a file, by name."""
    if isinstance(weights, Mapping):
        return {name: _as_array(value) for name, value in weights.items()}
    path = Path(weights)
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        return load_file(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    raise ValueError(
        f"{path} is no .safetensors or .npz file; of a .pth file give the dictionary that "
        "torch.load(path, weights_only=True) has read."
    )


def _as_array(value: Any) -> np.ndarray:
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value)


def _by_layer(arrays: Arrays) -> tuple[list[Arrays], dict[str, float]]:
    """The arrays of each layer, in order, and the numbers that the layers hold themselves."""
    layers: dict[tuple[int, ...], Arrays] = {}
    numbers: dict[str, float] = {}
    for name, array in arrays.items():
        place = tuple(map(int, re.findall(r"\d+", name.rpartition(".")[0])))
        part = name.rpartition(".")[2]
        if part in _NUMBERS:
            numbers[_NUMBERS[part]] = float(np.real(array).ravel()[0])
        if part in _PARTS:
            second = f"{_SECOND_MAP}." if _SECOND_MAP in name else ""
            layers.setdefault(place, {})[second + part] = array
    return [layers[place] for place in sorted(layers)], numbers


def _split(layer: Arrays) -> list[Arrays]:
    """The maps of a layer, one or two."""
    first = {name: array for name, array in layer.items() if "." not in name}
    second = {name.partition(".")[2]: array for name, array in layer.items() if "." in name}
    return [first, second] if second else [first]


def _leaves(part: Arrays) -> dict[str, np.ndarray]:
    """A linear map as ours: weights (in, out), complex numbers as pairs."""
    if not ({"weight", "bias"} <= set(part) or {"lamb", "bases", "bias"} <= set(part)):
        raise ValueError(
            f"a layer has the arrays {sorted(part)}, but weight and bias, or lamb, bases and bias "
            "were expected; give the whole state dict."
        )
    kernel = part["weight"] if "weight" in part else part["lamb"] @ part["bases"]
    leaves = {"kernel": kernel.T, "bias": part["bias"].reshape(-1)}
    if any(np.iscomplexobj(leaf) for leaf in leaves.values()):
        leaves = {name: np.stack([leaf.real, leaf.imag]) for name, leaf in leaves.items()}
    return leaves


def _config(
    layers: list[Arrays], network: str, modality: str, num_dims: int, numbers: dict[str, float]
) -> NetworkConfig:
    """The preset with the sizes of the weights, and their numbers."""
    config = preset(network, modality=modality, depth=len(layers) - 1)
    known = config.layers[0].numbers
    given = {name: value for name, value in numbers.items() if name in known}
    layer = make_layer(config.layers[0].activation, **{**known, **given})
    first = layers[0]["weight"] if "weight" in layers[0] else layers[0]["lamb"]
    encoding = config.encoding
    if isinstance(encoding, FourierFeatures):
        raise ValueError(
            f"{network!r} has drawn frequencies, which are not among the weights; build the "
            "network by make_inr, with its constants."
        )
    if isinstance(encoding, NerfFrequencies):
        count = max((first.shape[1] // num_dims - 1) // 2, 1)
        encoding = replace(encoding, num_frequencies=count)
    return replace(
        config,
        layers=(layer,) * (len(layers) - 1),
        width=first.shape[0],
        encoding=encoding,
        reparameterization=None,
        adjustment=None,
    )


def _maps(config: NetworkConfig, i: int) -> list[str]:
    return map_names(i, get_activation(config.layers[i].activation).num_maps)


def _check_shapes(params: Any, config: NetworkConfig, network: str, num_dims: int) -> None:
    encoding = config.encoding
    inputs = num_dims if encoding is None else encoding.num_features(num_dims)
    is_complex = get_activation(config.layers[0].activation).is_complex
    for name, leaves in params.items():
        is_first = name in _maps(config, 0)
        outputs = leaves["bias"].shape[-1] if name == "output" else config.width
        pair = (2,) if is_complex and not is_first else ()
        expected = (*pair, inputs if is_first else config.width, outputs)
        if leaves["kernel"].shape != expected or leaves["bias"].shape != (*pair, outputs):
            raise ValueError(
                f"{name} has weights of shape {leaves['kernel'].shape}, but {network!r} on "
                f"coordinates of {num_dims} dimensions has {expected}; choose another preset or "
                "signal."
            )
