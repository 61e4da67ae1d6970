"""The Flax MLP: a NetworkConfig in, coordinates to values. It says nothing about training.

Complex networks. A layer's weights are complex where its input is. They are held as pairs, the real
and the imaginary part stacked on a new first axis, so that Adam treats them as two real numbers, as
PyTorch does. Where complex values meet a real activation or the output, their real part is taken.

Letters: n coordinates, d dimensions of a coordinate, c channels of a value, f input features.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Inexact, Key

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.cost import part_size
from optiinr_jax.inr.encodings import Constants, FourierFeatures
from optiinr_jax.inr.formulas import exact_derivatives
from optiinr_jax.inr.initializers import OUTPUT_ACTIVATIONS
from optiinr_jax.inr.lowering import LoweredConfig, fan_ins, lower
from optiinr_jax.inr.reparameterization import fourier_basis
from optiinr_jax.numerics import rescale

# {"params": the trained tree, "constants": fixed arrays of the encoding and of FR}
Variables = dict[str, Any]


def hidden_name(i: int) -> str:
    """Name of activated layer i in the parameter tree."""
    return f"hidden_{i}"


def as_it_lies(x: Inexact[Array, "*s"]) -> Inexact[Array, "*s"]:
    """The same array, which XLA does not fold into a product as a transposed one.

    On a CPU its kernels for some of these are slow: up to a fifth of the time of a training.
    """
    return jax.lax.optimization_barrier(x) if jax.default_backend() == "cpu" else x


@jax.custom_jvp
def product(kernel: Float[Array, "f u"], h: Float[Array, "f n"]) -> Float[Array, "u n"]:
    """kernel^T h, by kernels for untransposed arrays; so are both of its products in reverse."""
    return as_it_lies(kernel.T) @ h


@partial(product.defjvp, symbolic_zeros=True)
def _product_jvp(primals, tangents):
    kernel, h = primals
    of_kernel, of_h = (None if type(t) is SymbolicZero else t for t in tangents)
    terms = [] if of_kernel is None else [of_kernel.T @ h]
    terms += [] if of_h is None else [kernel.T @ of_h]
    return product(kernel, h), sum(terms[1:], terms[0])


class Affine(nn.Module):
    """W^T h + b; complex where h is, and W = B^T L with a fixed basis B (FR) where there is one."""

    num_units: int

    @nn.compact
    def __call__(
        self,
        h: Inexact[Array, "f n"],
        weight_bound: ArrayLike | None,
        bias_bound: ArrayLike | None,
        basis: Float[Array, "m f"] | None = None,
    ) -> Inexact[Array, "u n"]:
        """Apply it to h; the bounds are those of the initial weights and biases."""
        pair = (2,) if jnp.iscomplexobj(h) else ()
        num_rows = len(h)
        if basis is not None and weight_bound is not None:
            num_rows = len(basis)
            weight_bound = weight_bound / jnp.linalg.norm(basis, axis=1)[:, None]
        kernel = self.param("kernel", _uniform(weight_bound), (*pair, num_rows, self.num_units))
        bias = self.param("bias", _uniform(bias_bound), (*pair, self.num_units))
        if basis is not None:
            kernel = basis.T @ kernel
        if not pair:
            return product(kernel, h) + bias[:, None]
        re, im = kernel
        z_re = product(re, h.real) - product(im, h.imag) + bias[0][:, None]
        z_im = product(im, h.real) + product(re, h.imag) + bias[1][:, None]
        return jax.lax.complex(z_re, z_im)


class MLP(nn.Module):
    """Activated layers and one linear output layer."""

    num_channels: int

    @nn.compact
    def __call__(
        self, features: Float[Array, "n f"], config: LoweredConfig, constants: Constants
    ) -> Float[Array, "n c"]:
        """Map input features to values."""
        h = as_it_lies(features.T)
        for i, layer in enumerate(config.layers):
            row = get_activation(layer.activation)
            basis = constants.get("fourier_basis") if i > 0 else None
            maps = [
                Affine(config.width, name=name)(h, layer.weight_bound, layer.bias_bound, basis)
                for name in map_names(i, row.num_maps)
            ]
            maps = maps if row.is_complex else [z.real for z in maps]
            self.sow("intermediates", f"z_{i}", maps[0])  # for `pre_activations`
            h = row(*maps, **layer.numbers)
        output = Affine(self.num_channels, name="output")
        values = as_it_lies(output(h, config.output_weight_bound, config.output_bias_bound).real)
        return OUTPUT_ACTIVATIONS[config.output_activation](values).T


def map_names(i: int, num_maps: int) -> list[str]:
    """Names of layer i's linear maps in the parameter tree."""
    return [hidden_name(i), f"{hidden_name(i)}_orthogonal"][:num_maps]


def _uniform(bound: ArrayLike | None):
    def draw(key: Key[Array, ""], shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        if bound is None:
            raise ValueError("an initial bound is None; call resolve_bounds before init.")
        return jnp.asarray(bound, dtype) * jax.random.uniform(key, shape, dtype, -1.0, 1.0)

    return draw


def init(
    key: Key[Array, ""], config: NetworkConfig, *, num_dims: int, num_channels: int
) -> Variables:
    """Draw initial parameters and the constants, which are never trained.

    The same key gives the same draws for every family; only the bounds differ.
    """
    key_params, key_basis = jax.random.split(key)
    resolved = lower(config, num_dims)
    constants = {} if config.encoding is None else config.encoding.draw(key_basis, num_dims)
    if config.reparameterization is not None:
        constants["fourier_basis"] = fourier_basis(config.reparameterization, config.width)
    features = jax.ShapeDtypeStruct((1, fan_ins(config, num_dims)[0]), jnp.float32)
    model = MLP(num_channels)
    params = model.lazy_init(key_params, features, resolved, constants)["params"]
    return {"params": params, "constants": constants}


def encode(constants: Constants, coords: Float[Array, "n d"], config: NetworkConfig) -> Array:
    """Input features (n, f): coordinates in the network's own range, or an encoding of them."""
    if config.coord_range is not None:
        coords = rescale(coords, (-1.0, 1.0), config.coord_range)
    return coords if config.encoding is None else config.encoding(coords, constants)


def apply_features(
    params: Any, constants: Constants, features: Float[Array, "n f"], config: LoweredConfig
) -> Float[Array, "n c"]:
    """Values from features that `encode` has made, for loops that encode only once."""
    model = MLP(params["output"]["bias"].shape[-1])
    return cast(Array, model.apply({"params": params}, features, config, constants))


def forward(
    variables: Variables, coords: Float[Array, "n d"], config: NetworkConfig
) -> Float[Array, "n c"]:
    """Values of the network at coordinates, in the range in which it is trained."""
    constants, lowered = variables["constants"], lower(config, coords.shape[-1])
    features = encode(constants, coords, lowered)
    return apply_features(variables["params"], constants, features, lowered)


def apply(variables: Variables, config: NetworkConfig, coords: ArrayLike | Sequence[Any]) -> Array:
    """Values (..., C) of a network at coordinates (..., D): a pure function of its arguments.

    It can be compiled, differentiated and mapped over all of them. Coordinates are [-1, 1] over the
    grid of any signal; values are in the signal's natural range, [0, 1] for a picture, where the
    configuration says so (that of an `INR` does), else as the network gives them. Derivatives are
    those of the values; `fit` trains FINER and its kin as their authors do, who hold a factor in
    them constant.

    Args:
        variables: {"params": trained arrays, "constants": fixed ones}, as `init` gives them; of a
            network without a drawn encoding the params alone will do.
        config: the network, `INR.config` or one's own.
        coords: any number of leading axes, also none.

    Raises:
        ValueError: coordinates with another number of dimensions than the network's, a stack of
            networks, which `jax.vmap` maps over, or an encoding without its constants.

    >>> from optiinr_jax.inr import preset
    >>> config = preset("siren", width=8)
    >>> variables = init(jax.random.key(0), config, num_dims=2, num_channels=3)
    >>> jax.vmap(apply, in_axes=(None, None, 0))(variables, config, jnp.zeros((5, 2))).shape
    (5, 3)
    """
    variables = _whole(variables, config)
    coords = jnp.asarray(coords)
    if not jnp.issubdtype(coords.dtype, jnp.floating):
        coords = coords.astype(jnp.float32)
    num_dims = num_dims_of(variables, config)
    if coords.ndim < 1 or coords.shape[-1] != num_dims:
        raise ValueError(
            f"coords has shape {coords.shape}, but its last axis must be {num_dims}, the number of "
            "dimensions of the network; reshape it."
        )
    with exact_derivatives():
        values = forward(variables, coords.reshape(-1, num_dims), config)
    if config.natural_range is not None and config.value_range is not None:
        values = rescale(values, config.value_range, config.natural_range)
    return values.reshape(*coords.shape[:-1], values.shape[-1])


@jax.jit
def apply_in_parts(
    variables: Variables, config: NetworkConfig, coords: Float[Array, "n d"]
) -> Float[Array, "n c"]:
    """`apply`, in parts that fit the cache as those of a training do: up to 1.7 times as fast."""
    num_points, num_dims = coords.shape
    size = part_size(config.width, num_points)
    missing = -num_points % size
    parts = jnp.pad(coords, ((0, missing), (0, 0))).reshape(-1, size, num_dims)
    values = jax.lax.map(partial(apply, variables, config), parts)
    return values.reshape(num_points + missing, -1)[:num_points]


def _whole(variables: Variables, config: NetworkConfig) -> Variables:
    """Variables with their constants, of one network."""
    if "params" not in variables:
        if isinstance(config.encoding, FourierFeatures):
            raise ValueError(
                "got the params alone, but the network's Fourier features have frequencies of "
                "their own; give the variables, {'params': ..., 'constants': ...}."
            )
        fourier = config.reparameterization
        basis = {} if fourier is None else {"fourier_basis": fourier_basis(fourier, config.width)}
        variables = {"params": variables, "constants": basis}
    check_single(variables)
    return variables


def check_single(variables: Variables) -> None:
    """Raise ValueError for a stack of networks."""
    shape = jnp.shape(variables["params"][hidden_name(0)]["kernel"])
    if len(shape) != 2:
        raise ValueError(
            f"the first kernel has shape {shape}, so this is a stack of networks; map over it, as "
            "in jax.vmap(lambda inr: inr(coords))(stack)."
        )


def num_dims_of(variables: Variables, config: NetworkConfig) -> int:
    """Dimensions of the coordinates that a network takes."""
    num_features = variables["params"][hidden_name(0)]["kernel"].shape[0]
    if config.encoding is None:
        return num_features
    if "basis" in variables["constants"]:
        return variables["constants"]["basis"].shape[0]
    known = range(1, num_features + 1)
    return next((d for d in known if config.encoding.num_features(d) == num_features), 0)


@jax.jit
def pre_activations(
    variables: Variables, coords: Float[Array, "n d"], config: NetworkConfig
) -> list[Inexact[Array, "width n"]]:
    """What every activation gets at coordinates, layer by layer; of two maps the first."""
    constants, lowered = variables["constants"], lower(config, coords.shape[-1])
    features = encode(constants, coords, lowered)
    model = MLP(variables["params"]["output"]["bias"].shape[-1])
    _, seen = model.apply(
        {"params": variables["params"]}, features, lowered, constants, mutable=["intermediates"]
    )
    found: Any = seen["intermediates"]
    return [found[f"z_{i}"][0] for i in range(config.depth)]
