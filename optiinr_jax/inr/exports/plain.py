"""A network without JAX: affine maps of real numbers, with a formula after each.

Everything that a configuration can say becomes this one form, which the exports write in other
languages. A complex layer is a real one on real and imaginary parts; the mixtures of cosines of FR
are multiplied out; an encoding is a first layer whose weights are its frequencies.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float32

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.encodings import FourierFeatures, NerfFrequencies
from optiinr_jax.inr.exports.formula import ExportError, Formula, trace_formula
from optiinr_jax.inr.initializers import OUTPUT_ACTIVATIONS
from optiinr_jax.inr.model import Variables, check_single, map_names, num_dims_of
from optiinr_jax.numerics import cosine, sine


class Layer(NamedTuple):
    """Affine maps of the same inputs, and what a unit makes of their values.

    Attributes:
        label: what it is, for a reader of the export.
        kernel: weights of all maps, one block of `width` columns after another.
        bias: of all maps.
        formula: its inputs are the values of the maps at one unit, its outputs what the unit gives;
            the first outputs of all units come before all second ones.
        keeps_inputs: its inputs stand before its outputs in what it hands on.
    """

    label: str
    kernel: Float32[np.ndarray, "inputs width_times_maps"]
    bias: Float32[np.ndarray, " width_times_maps"]
    formula: Formula
    keeps_inputs: bool = False

    @property
    def width(self) -> int:
        """Number of units."""
        return len(self.bias) // len(self.formula.inputs)


class PlainNetwork(NamedTuple):
    """What `exports` write.

    Attributes:
        num_dims: dimensions of the coordinates, [-1, 1] over the grid.
        coords: gain and offset of the coordinates in front of the first layer.
        layers: first to last, with that of the encoding; the last one is the output layer.
        values: gain and offset of its values, to the signal's own range.
    """

    num_dims: int
    coords: tuple[float, float]
    layers: tuple[Layer, ...]
    values: tuple[float, float]

    @property
    def num_channels(self) -> int:
        """Numbers at a point."""
        return self.layers[-1].width


def plain_network(config: NetworkConfig, variables: Variables) -> PlainNetwork:
    """The plain form of one network.

    Raises:
        ExportError: an activation or an encoding that has none.
        ValueError: a stack of networks.
    """
    check_single(variables)
    params = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])
    constants = {name: np.asarray(x, np.float64) for name, x in variables["constants"].items()}
    num_dims = num_dims_of(variables, config)
    layers, order = [], None
    if config.encoding is not None:
        layer, order = _encoding_layer(config.encoding, constants, num_dims)
        layers.append(layer)
    is_complex = False
    for i, layer in enumerate(config.layers):
        row = get_activation(layer.activation)
        numbers = {name: float(np.asarray(x)) for name, x in layer.numbers.items()}
        maps = [params[name] for name in map_names(i, row.num_maps)]
        if i == 0 and order is not None:
            maps = [{**part, "kernel": part["kernel"][..., order, :]} for part in maps]
        basis = constants.get("fourier_basis") if i > 0 else None
        kernel, bias = _real_maps(maps, basis, is_complex, row.is_complex)
        formula = _activation_formula(layer.activation, numbers, is_complex and row.is_complex)
        layers.append(Layer(layer.activation, kernel, bias, formula))
        is_complex = row.is_complex
    kernel, bias = _real_maps([params["output"]], None, is_complex, False)
    activation = OUTPUT_ACTIVATIONS[config.output_activation]
    formula = trace_formula(lambda z: [activation(z)], 1, config.output_activation)
    layers.append(Layer(config.output_activation, kernel, bias, formula))
    is_natural = config.natural_range is not None and config.value_range is not None
    return PlainNetwork(
        num_dims=num_dims,
        coords=_affine((-1.0, 1.0), config.coord_range),
        layers=tuple(layers),
        values=_affine(config.value_range, config.natural_range if is_natural else None),
    )


def _affine(old: Any, new: Any) -> tuple[float, float]:
    """Gain and offset, as `numerics.rescale` has them."""
    if new is None:
        return 1.0, 0.0
    (low, high), (new_low, new_high) = old, new
    gain = (float(new_high) - float(new_low)) / (float(high) - float(low))
    return gain, float(new_low) - float(low) * gain


def _real_maps(
    maps: list[dict[str, np.ndarray]], basis: Any, from_complex: bool, to_complex: bool
) -> tuple[Float32[np.ndarray, "i o"], Float32[np.ndarray, " o"]]:
    """Weights and biases of maps side by side, on real and imaginary parts where they have such."""
    kernels, biases = [], []
    for part in maps:
        kernel, bias = part["kernel"], part["bias"]
        if basis is not None:
            kernel = basis.T @ kernel
        if not from_complex:
            kernels.append(kernel)
            biases.append(bias)
            continue
        re, im = kernel
        kernels.append(np.concatenate([re, -im]))
        biases.append(bias[0])
        if to_complex:
            kernels.append(np.concatenate([im, re]))
            biases.append(bias[1])
    return (
        np.concatenate(kernels, axis=1).astype(np.float32),
        np.concatenate(biases).astype(np.float32),
    )


def _activation_formula(name: str, numbers: dict[str, float], on_pairs: bool) -> Formula:
    """The formula of an activation at one unit; of complex maps with the parts of each in turn."""
    row = get_activation(name)

    def apply(*z: Any) -> list[Any]:
        if on_pairs:
            z = tuple(jax.lax.complex(re, im) for re, im in zip(z[::2], z[1::2], strict=True))
        value = row(*z, **numbers)
        return [value.real, value.imag] if row.is_complex else [value]

    count = row.num_maps * (2 if on_pairs else 1)
    return trace_formula(apply, count, f"activation {name!r}")


def _encoding_layer(encoding: Any, constants: Any, num_dims: int) -> tuple[Layer, np.ndarray]:
    """An encoding as a layer, and where its features lie among those that the network expects."""
    if type(encoding) not in ENCODING_FORMS:
        known = ", ".join(kind.__name__ for kind in ENCODING_FORMS)
        raise ExportError(
            f"the encoding {type(encoding).__name__} cannot be exported; {known} can, others need "
            "a row in ENCODING_FORMS."
        )
    frequencies, turn, keeps_inputs, order = ENCODING_FORMS[type(encoding)](
        encoding, constants, num_dims
    )
    kernel = frequencies.astype(np.float32)
    waves = trace_formula(lambda z: [sine(turn * z), cosine(turn * z)], 1, "the encoding")
    bias = np.zeros(kernel.shape[1], np.float32)
    return Layer("encoding", kernel, bias, waves, keeps_inputs), order


def _fourier_form(encoding: FourierFeatures, constants: Any, num_dims: int):
    frequencies = float(np.asarray(encoding.sigma)) * constants["basis"]
    return frequencies, 2.0 * np.pi, False, np.arange(2 * frequencies.shape[1])


def _nerf_form(encoding: NerfFrequencies, constants: Any, num_dims: int):
    count = encoding.num_frequencies
    scales = (np.pi if encoding.with_pi else 1.0) * 2.0 ** np.arange(count)
    frequencies = np.einsum("k,de->dke", scales, np.eye(num_dims)).reshape(num_dims, -1)
    # Theirs: with pi the two of one angle side by side, else a block of sines, one of cosines.
    places = np.arange(2 * count * num_dims)
    shape = (count, num_dims, 2) if encoding.with_pi else (count, 2, num_dims)
    axes = (2, 0, 1) if encoding.with_pi else (1, 0, 2)
    theirs = places.reshape(shape).transpose(axes).reshape(-1)
    order = np.concatenate([np.arange(num_dims), num_dims + theirs])
    return frequencies, 1.0, True, order


# encoding -> its frequencies (d, f), the factor on the angles, whether the coordinates stay beside
# the waves, and the places of [coordinates,] sines and cosines among the network's features
ENCODING_FORMS: dict[type, Callable[[Any, Any, int], tuple[np.ndarray, float, bool, np.ndarray]]]
ENCODING_FORMS = {FourierFeatures: _fourier_form, NerfFrequencies: _nerf_form}
