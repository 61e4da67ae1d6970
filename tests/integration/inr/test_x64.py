"""Under jax_enable_x64, as most scientific programs set it: the same fits, in float32."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import optiinr_jax as oi

PICTURE, SOLID = oi.sample_signal("image", size=8), oi.sample_signal("volume", 6)
FOURIER = oi.preset("fourier", width=8, depth=2)
SIREN = oi.preset("siren", width=8, depth=2)
SURFACE = replace(oi.preset("siren", modality="volume", width=8, depth=2), sampling="surface")
FITS = {
    "encoding": (PICTURE, replace(FOURIER, sampling="shifted")),
    "offsets": (PICTURE, replace(SIREN, sampling="jittered", grid_share=0.5, batch_size=16)),
    "surface": (SOLID, replace(SURFACE, optimizer="soap")),
}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_the_same_in_float32(name):
    signal, config = FITS[name]
    options = {"num_steps": 3, "progress": False, "warn": False}
    usual = oi.fit(signal, config, **options)
    with jax.enable_x64(True):
        found = oi.fit(signal, config, **options)
        assert found.predict(np.zeros((2, signal.num_dims))).dtype == np.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(found.variables)} == {np.dtype("float32")}
    np.testing.assert_allclose(found.history, usual.history, rtol=1e-4)
    assert abs(found.score - usual.score) < 1e-3
