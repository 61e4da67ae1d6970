"""A network comes out of a training as a value, and goes into the next one."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr


@pytest.mark.integration
def test_what_was_measured_is_no_part_of_the_value():
    """A network that comes out of a compiled function is another one: its score is not known."""
    signal = oi.sample_signal("audio", size=64)
    first = oi.fit(signal, inr.preset("siren", modality="audio", width=8), num_steps=3, warn=False)
    louder = replace(first.frame, attributes={**first.frame.attributes, "peak": 0.25})
    traced = []

    @jax.jit
    def halve(network):
        traced.append(network)
        return network.with_params(jax.tree.map(lambda p: p / 2, network.params))

    halves = [halve(first), halve(replace(first, frame=louder))]
    assert len(traced) == 1  # a new number never compiles anew
    assert all(np.isnan(half.score) and half.history.size == 0 for half in halves)
    assert [float(half.frame.attributes["peak"]) for half in halves] == [
        pytest.approx(first.frame.attributes["peak"]),
        0.25,
    ]
    assert halves[1].render().shape == (64, 1) and halves[1].evaluate(signal)


@pytest.mark.integration
def test_a_fit_begins_with_a_network():
    signal = oi.sample_signal("image", size=8)
    config = inr.preset("siren", width=8, depth=2)
    first = oi.fit(signal, config, num_steps=20, progress=False, warn=False)
    again = oi.fit(signal, config, num_steps=20, init=first, progress=False, warn=False)
    loss = -10 * np.log10(4 * np.mean((first.render() - signal.samples) ** 2))
    assert -10 * np.log10(again.history[0]) == pytest.approx(loss, abs=1e-3)
    other = inr.preset("siren", width=9, depth=2)
    with pytest.raises(ValueError, match="init is another network"):
        oi.fit(signal, other, num_steps=2, init=first, progress=False)


@pytest.mark.integration
def test_a_loop_of_ones_own_makes_a_network():
    """The lines of the notebook: only public names."""
    import optax

    signal = oi.sample_signal("image", size=8)
    start = oi.make_inr(signal, oi.preset("siren", width=16))
    coords, targets = signal.grid_coords(), jnp.asarray(signal.samples.reshape(-1, 3))
    optimizer = optax.adam(1e-3)

    def loss(params):
        return jnp.mean((start.with_params(params)(coords) - targets) ** 2)

    @jax.jit
    def step(params, state):
        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    params, state = start.params, optimizer.init(start.params)
    for _ in range(300):
        params, state = step(params, state)
    variables = {**start.variables, "params": params}
    network = oi.make_inr(signal, start.config, variables, objective="samples")
    assert network.score > 25.0 > start.score
    assert network.score == pytest.approx(-10 * np.log10(loss(params)), abs=1e-3)
    error = network.predict(coords).reshape(8, 8, 3) - signal.samples
    assert network.score == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)


@pytest.mark.integration
def test_many_fits_begin_with_the_hidden_layers_of_a_network_of_more_channels():
    """Of pictures that were learned together; the output layer is drawn as without."""
    picture = oi.sample_signal("image", size=8)
    config = inr.preset("siren", width=8, depth=2)
    both = oi.make_signal("field", np.concatenate([picture.samples, picture.samples], -1))
    shared = oi.fit(both, config, num_steps=60, progress=False, warn=False)
    drawn = oi.make_inr(picture, config)
    mixed = {**shared.params, "output": drawn.params["output"]}
    loss, without = (
        float(np.mean((network.render() - picture.samples) ** 2))
        for network in (drawn.with_params(mixed), drawn)
    )
    assert abs(loss / without - 1) > 0.01
    for layout in ("sequence", "vmap"):
        for one in oi.fit_many([picture] * 2, config, num_steps=3, init=shared, layout=layout):
            assert one.history[0] / 4 == pytest.approx(loss, rel=1e-3)
