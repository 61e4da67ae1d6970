"""Fields: read and written in their units and where they lie, brought down, scored by PSNR."""

import math

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.signals import KINDS, SignalError, load_signal, make_signal, write_samples
from optiinr_jax.signals import arrays as arrays_module
from optiinr_jax.signals.fields import affine_of
from optiinr_jax.signals.kinds import kind_of_file

RNG = np.random.default_rng(0)
BRAIN = oi.sample_signal("field", (8, 10, 12))
FILES = {".npy": "numpy", ".npz": "numpy", ".nii": "nibabel", ".nii.gz": "nibabel", ".h5": "h5py"}


@pytest.mark.parametrize("suffix", FILES)
def test_what_is_written_is_read_again(suffix, tmp_path):
    """With the units of its values; and its places, where the format has them."""
    pytest.importorskip(FILES[suffix])
    path = write_samples(tmp_path / f"a{suffix}", BRAIN.samples, BRAIN.frame)
    again = load_signal(path)
    assert (again.kind, again.shape) == ("field", BRAIN.shape)
    np.testing.assert_allclose(again.samples, BRAIN.samples, atol=1e-4)
    if suffix != ".npy":
        corner = np.array([-100.0 + 100.0 / n for n in BRAIN.shape])[None, :]
        np.testing.assert_allclose(again.frame.coords_in("world", corner), -1.0, atol=1e-5)


@pytest.mark.parametrize("shape", [(40,), (9, 7), (4, 5, 3, 4)])
def test_one_to_four_axes(shape, tmp_path):
    values = RNG.normal(1e3, 20.0, shape).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    signal = load_signal(tmp_path / "a.npy", kind="field")
    assert signal.shape == shape and signal.frame.natural_range == (values.min(), values.max())
    np.testing.assert_allclose(signal.samples[..., 0], values, atol=2e-3)


def test_several_numbers_a_point(tmp_path):
    flow = RNG.normal(size=(5, 6, 7, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", flow)
    signal = load_signal(tmp_path / "a.npy", channels=True)
    assert (signal.shape, signal.num_channels) == ((5, 6, 7), 3)
    for suffix in (".npz", ".nii.gz"):
        path = write_samples(tmp_path / f"b{suffix}", signal.samples, _placed(signal).frame)
        np.testing.assert_allclose(load_signal(path).samples, flow, atol=1e-5)


def _placed(signal):
    places = {f"spacing_{i}": 2.0 for i in range(signal.num_dims)}
    return make_signal("field", signal.samples, attributes=signal.attributes | places)


def test_a_turned_volume_stays_where_it_is(tmp_path):
    """At another size too: the middle of the grid keeps its position, and so do its corners."""
    nibabel = pytest.importorskip("nibabel")
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(RNG.normal(size=(3, 3)))[0] * np.array([1.0, 2.0, 3.0])
    affine[:3, 3] = [10.0, -20.0, 5.0]
    values = RNG.normal(size=(12, 8, 10)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    ends = affine[:3, :3] @ np.array([11.5, 7.5, 9.5]) + affine[:3, 3]  # the outermost corner
    for size in (None, (6, 4, 5)):
        signal = load_signal(tmp_path / "a.nii.gz", size)
        corner = np.array(signal.shape) - 0.5
        found = affine_of(signal.attributes)
        np.testing.assert_allclose(found[:, :3] @ corner + found[:, 3], ends, atol=1e-4)
        path = write_samples(tmp_path / "b.nii", signal.samples, signal.frame)
        np.testing.assert_allclose(nibabel.load(path).affine[:3], found, atol=1e-5)


@pytest.mark.integration
def test_a_file_brought_down_says_what_lies_between(tmp_path):
    fine = oi.sample_signal("field", (30, 24))
    write_samples(tmp_path / "a.npz", fine.samples, fine.frame)
    signal = load_signal(tmp_path / "a.npz", 10)
    assert signal.shape == (10, 8) and signal.reference == "file" and signal.control == "cubic"
    at_samples = signal.at(np.asarray(signal.grid_coords())).reshape(10, 8, 1)
    np.testing.assert_allclose(at_samples, signal.samples, atol=0.02)
    assert signal.attributes["spacing_0"] == pytest.approx(20.0)


def test_a_field_is_never_scored_as_a_solid():
    """Below 0.5 everywhere, an IoU was 1 before anything was learned."""
    faint = RNG.uniform(0.0, 0.4, (6, 7, 8))
    signal = oi.as_signal(faint)
    assert signal.kind == "field" and signal.metric_name == "PSNR (dB)"
    nothing = signal.score(np.full(signal.samples.shape, faint.mean(), np.float32))
    width = faint.max() - faint.min()
    assert nothing == pytest.approx(20.0 * math.log10(width / faint.std()), abs=1e-3)


@pytest.mark.integration
def test_the_psnr_is_over_the_fields_own_range():
    """In other units it is the same, at the samples and between them."""
    values = RNG.uniform(0.0, 1.0, (6, 7, 8, 1)).astype(np.float32)
    near = values + 0.01 * RNG.normal(size=values.shape).astype(np.float32)
    one, other = (make_signal("field", 500.0 * k * values - 50.0 * k) for k in (1, 2))
    scores = [s.score(500.0 * k * near - 50.0 * k) for k, s in ((1, one), (2, other))]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3) and 38 < scores[0] < 42
    assert one.control_score == pytest.approx(other.control_score, abs=1e-3)


@pytest.mark.integration
def test_sounds_and_fields_with_other_attributes_share_their_programs():
    """One was compiled for every range, rate or peak, and kept."""
    from optiinr_jax.signals.sums import chunk_coords, chunk_sums, place_sums

    def score(scale):
        field = make_signal("field", scale * RNG.uniform(size=(32, 1)).astype(np.float32))
        attributes = {"sample_rate": 8000.0, "peak": scale}
        wave = RNG.uniform(-1.0, 1.0, (64, 1))
        sound = make_signal("audio", wave, attributes=attributes)
        for signal in (field, sound):
            signal.scores(lambda coords: 0.0 * coords)

    score(1.0)
    programs = (chunk_coords, chunk_sums, place_sums)
    before = [program._cache_size() for program in programs]
    for scale in (2.0, 3.0, 4.0):
        score(scale)
    assert [program._cache_size() for program in programs] == before


def test_a_constant_field_has_a_range():
    signal = make_signal("field", np.full((4, 4, 1), 7.0, np.float32))
    low, high = signal.frame.natural_range
    assert low < 7.0 < high and np.isfinite(signal.stored).all()


KIND_OF = {
    "field": {"a": RNG.normal(size=(3, 4, 5))},
    "volume": {"a": (RNG.uniform(size=(3, 4, 5)) > 0.5).astype(float)},
    "packed": {"packed": np.packbits(np.ones(8, bool)), "shape": np.array([2, 2, 2])},
    "named": {"values": RNG.normal(size=(4, 5)), "mean": np.ones(3)},
}


@pytest.mark.parametrize("name", KIND_OF)
def test_an_array_says_what_it_is(name, tmp_path):
    np.savez(tmp_path / "a.npz", **KIND_OF[name])
    kind = {"packed": "volume", "named": "field"}.get(name, name)
    assert kind_of_file(tmp_path / "a.npz") == load_signal(tmp_path / "a.npz").kind == kind
    if name in ("field", "volume"):
        np.save(tmp_path / "a.npy", KIND_OF[name]["a"])
        assert kind_of_file(tmp_path / "a.npy") == kind


def test_refusals(tmp_path, check_refusal, monkeypatch):
    write = lambda name, array: (np.save(tmp_path / name, array), tmp_path / name)[1]  # noqa: E731
    spoilt = np.ones((3, 4))
    spoilt[1, 1] = np.nan
    check_refusal("finite", lambda: load_signal(write("nan.npy", spoilt)))
    deep = write("deep.npy", np.ones((2, 3, 2, 3, 2)))
    check_refusal("1 to 4 sides", lambda: load_signal(deep))
    check_refusal("real ones", lambda: load_signal(write("c.npy", np.ones((3, 4), complex))))
    large = write("large.npy", RNG.normal(size=(30, 40)))
    check_refusal("limit is 100", lambda: load_signal(large, max_points=100))
    check_refusal("size is 1", lambda: load_signal(large, 1))
    np.savez(tmp_path / "two.npz", u=np.ones((3, 4)), v=np.ones((3, 4)))
    check_refusal("key='u'", lambda: load_signal(tmp_path / "two.npz", kind="field"))
    (tmp_path / "cut.nii.gz").write_bytes(b"\x1f\x8b no picture")
    check_refusal("cannot be decoded", lambda: load_signal(tmp_path / "cut.nii.gz"))
    check_refusal("leave out kind", lambda: load_signal(large, kind="audio"))
    with pytest.raises(SignalError, match="change the suffix"):
        write_samples(tmp_path / "a.png", BRAIN.samples, BRAIN.frame)
    with pytest.raises(SignalError, match="dcm2niix"):
        kind_of_file(tmp_path / "scan.dcm")


def test_every_reader_has_a_suffix_of_its_kind():
    assert set(arrays_module.SUFFIXES) <= set(KINDS["field"].suffixes)


@pytest.mark.integration
def test_a_field_is_fitted_stored_and_rendered_in_its_units(tmp_path):
    signal = oi.sample_signal("field", (6, 7))
    config = oi.preset("siren", modality="field", width=6, depth=1)
    inr = oi.fit(signal, config, num_steps=5, progress=False, warn=False)
    again = oi.load_inr(inr.save(tmp_path / "a.inr.safetensors"))
    np.testing.assert_array_equal(again.render(), inr.render())
    low, high = signal.frame.natural_range
    assert inr.config.natural_range == (low, high) and inr.render().max() > 0.25 * high
    scores = again.evaluate(signal)
    assert scores["PSNR (dB)"] == pytest.approx(inr.scores.samples, abs=1e-3)
    assert scores["PSNR (dB)"] > 0.0 and "SNR (dB)" in scores
    world = inr.predict(np.array([[0.0, 0.0]]), units="world")
    np.testing.assert_allclose(world, inr.predict(np.array([[0.0, 0.0]])), atol=1e-2)
    assert inr.sizes(signal)["compressed float32"] > 0 and "field 6 x 7" in repr(inr)
