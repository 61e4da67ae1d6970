"""An interrupted fit goes on where it was; a checkpoint that is not its own is not used."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr import PRESETS, load_inr

NUM_STEPS, STOP = 150, 100


class InterruptionError(Exception):
    """Stands for Ctrl-C at a known step."""


def stop(done, total, loss):
    if done == STOP:
        raise InterruptionError


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def fit(signal, path=None, on_step=None, seed=0):
    config = oi.preset("fourier", width=8)
    return oi.fit(
        signal,
        config,
        num_steps=NUM_STEPS,
        seed=seed,
        share_program=False,
        progress=False,
        checkpoint=path,
        on_step=on_step,
    )


def interrupted(signal, path):
    with pytest.raises(InterruptionError):
        fit(signal, path, stop)
    assert path.is_file()
    return path


def continued(signal, path, **options):
    """The steps at which the fit reports, and the fit."""
    steps = []
    found = fit(signal, path, lambda done, total, loss: steps.append(done), **options)
    assert not path.exists()
    return steps, found


@pytest.mark.integration
def test_the_same_call_goes_on_with_the_same_result(signal, tmp_path):
    whole = fit(signal)
    steps, again = continued(signal, interrupted(signal, tmp_path / "a"))
    assert steps == [NUM_STEPS]
    np.testing.assert_array_equal(again.history, whole.history)
    assert again.score == whole.score


@pytest.mark.integration
def test_another_fit_begins_anew(signal, tmp_path):
    steps, _ = continued(signal, interrupted(signal, tmp_path / "a"), seed=1)
    assert steps[0] < STOP


@pytest.mark.integration
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:-1] + b"x", lambda b: b"?"])
def test_a_damaged_checkpoint_costs_only_time(signal, tmp_path, damage):
    path = interrupted(signal, tmp_path / "a")
    path.write_bytes(damage(path.read_bytes()))
    steps, _ = continued(signal, path)
    assert steps[0] < STOP


@pytest.mark.integration
def test_the_basis_of_fr_is_not_stored(signal, tmp_path):
    assert "fr" in PRESETS["image"]
    config = oi.preset("fr", width=8, depth=2)
    found = oi.fit(signal, config, num_steps=2, progress=False, warn=False)
    again = load_inr(found.save(tmp_path / "fr.inr.safetensors"))
    np.testing.assert_array_equal(again.render(), found.render())
    assert found.num_bytes < 4 * found.num_params + 4096


@pytest.mark.integration
@pytest.mark.parametrize("optimizer", ["adamw", "soap"])
def test_a_pause_changes_nothing_of_the_end(signal, tmp_path, optimizer):
    """Paused at two steps and gone on with, all losses and numbers are those of one go."""
    config = replace(oi.preset("fourier", width=8, protocol="search"), optimizer=optimizer)
    options = {"num_steps": NUM_STEPS, "progress": False, "warn": False}
    whole = oi.fit(signal, config, **options)
    path = tmp_path / "state"
    first = oi.fit(signal, config, checkpoint=path, pause_at=50, **options)
    assert len(first.history) == first.num_steps == 50 and path.is_file()
    again = oi.fit(signal, config, checkpoint=path, pause_at=50, **options)  # nothing is left to do
    np.testing.assert_array_equal(again.history, first.history)
    oi.fit(signal, config, checkpoint=path, pause_at=100, **options)
    oi.fit(signal, config, checkpoint=path, pause_at=NUM_STEPS, **options)
    assert path.is_file()  # the state is there until the caller has saved the network
    last = oi.fit(signal, config, checkpoint=path, on_step=pytest.fail, **options)
    assert not path.exists() and last.score == whole.score
    np.testing.assert_array_equal(last.history, whole.history)
    for ours, theirs in zip(
        jax.tree.leaves(last.variables), jax.tree.leaves(whole.variables), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
