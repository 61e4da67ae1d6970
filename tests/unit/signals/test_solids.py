"""The embedded solid, its score, and solids as files and pictures."""

import sys

import numpy as np
import pytest
import trimesh

from optiinr_jax.signals import (
    Mesh,
    SignalError,
    iou,
    load_signal,
    make_signal,
    mesh_of,
    read_mesh,
    render_mesh,
    sample_signal,
    solid,
    write_mesh,
    write_signal,
)
from optiinr_jax.signals.mesh import volume_of

SPHERE = trimesh.creation.icosphere(3)
BALL = Mesh(np.asarray(SPHERE.vertices), np.asarray(SPHERE.faces))


@pytest.mark.integration
def test_the_sample_is_two_linked_parts_in_a_tight_box():
    signal = sample_signal("volume", size=96)
    assert signal.shape == (96, 94, 46)
    mesh = mesh_of(signal.values, signal.frame)
    knot, ring = sorted(
        trimesh.Trimesh(*mesh, process=False).split(), key=lambda part: -part.volume
    )
    assert knot.is_watertight and knot.euler_number == 0  # genus 1, as a torus
    assert ring.is_watertight and ring.euler_number == 0
    inside = signal.samples[..., 0] > 0
    for axis in range(3):
        slices = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        assert slices[0] <= 1
        assert slices[-1] >= inside.shape[axis] - 2
    for axis in range(3):
        assert (inside != np.flip(inside, axis)).any()
    assert 0.1 < inside.mean() < 0.4


@pytest.mark.parametrize("shape", [(4, 5, 6), (2, 2, 2)])
def test_the_sample_of_any_shape(shape):
    assert sample_signal("volume", size=shape).shape == shape
    np.testing.assert_array_equal(solid(*shape), solid(*shape))


def test_the_sample_does_not_depend_on_its_blocks(monkeypatch):
    whole = solid(9, 8, 7)
    monkeypatch.setattr("optiinr_jax.signals.synthetic._BLOCK_POINTS", 100)
    np.testing.assert_array_equal(solid(9, 8, 7), whole)


def test_iou_by_counting():
    """Against sets of points, as the word is defined."""
    rng = np.random.default_rng(1)
    values, targets = rng.random((500, 1)), rng.random((500, 1)) < 0.3
    a, b = ({*np.flatnonzero(x)} for x in (values >= 0.5, targets))
    expected = len(a & b) / len(a | b)
    assert iou(values, targets.astype(float)) == pytest.approx(expected)
    signal = make_signal("volume", targets.reshape(5, 10, 10, 1))
    assert signal.metric_name == "IoU"
    assert signal.score(values.astype(np.float32)) == pytest.approx(expected)
    assert signal.score(signal.values) == 1.0
    assert signal.score(np.full((500, 1), np.float32(0.5))) == pytest.approx(targets.mean())


def test_iou_of_nothing_and_of_what_is_not_finite():
    empty = make_signal("volume", np.zeros((2, 2, 2, 1), bool))
    assert empty.score(np.zeros((8, 1), np.float32)) == 1.0
    assert empty.score(np.ones((8, 1), np.float32)) == 0.0
    assert np.isnan(empty.score(np.full((8, 1), np.float32(np.nan))))


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl", ".glb"])
def test_a_written_mesh_is_closed_and_lies_on_the_one_that_was_read(tmp_path, suffix):
    mesh = Mesh(np.asarray(SPHERE.vertices) * [3.0, 2.0, 1.0] + [100.0, 0.0, -50.0], BALL.faces)
    signal = load_signal(write_mesh(tmp_path / "in.ply", mesh), size=48)
    path = write_signal(tmp_path / f"out{suffix}", signal.values, signal.frame)
    written = read_mesh(path)
    surface = trimesh.load(path, force="mesh", process=True)
    assert surface.is_watertight
    assert volume_of(written) == pytest.approx(volume_of(mesh), rel=0.02)
    step = 6.0 / 48
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(written.vertices, 0), end(mesh.vertices, 0), atol=step)
    centre, half = np.array([100.0, 0.0, -50.0]), np.array([3.0, 2.0, 1.0])
    radius = np.linalg.norm((written.vertices - centre) / half, axis=1)
    assert np.abs(radius - 1).max() < 1.3 * step  # the shortest half axis is 1


def test_a_rendering_at_another_resolution_lies_in_the_same_place(tmp_path):
    signal = sample_signal("volume", size=24)
    fine = signal.frame.scaled(3.0)
    radius = np.linalg.norm(np.asarray(fine.grid_coords()), axis=1)
    values = (1.2 - 0.9 * radius[:, None]).astype(np.float32)  # 0.5 at 0.778
    mesh = mesh_of(values, fine)
    box = np.array([[signal.attributes[f"{end}_{a}"] for a in "xyz"] for end in ("low", "high")])
    half = (box[1] - box[0]) / 2
    scaled = (mesh.vertices - box.mean(axis=0)) / half
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 0.7 / 0.9, atol=0.005)
    assert volume_of(mesh) == pytest.approx(
        4 / 3 * np.pi * (0.7 / 0.9) ** 3 * half.prod(), rel=0.01
    )


def test_a_field_that_is_full_up_to_the_border_is_closed():
    frame = make_signal("volume", np.ones((3, 4, 5, 1), bool)).frame
    mesh = mesh_of(np.ones((60, 1), np.float32), frame)
    assert trimesh.Trimesh(*mesh, process=False).is_watertight
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [3 / 5, 4 / 5, 1.0], atol=1e-3)
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [-3 / 5, -4 / 5, -1.0], atol=1e-3)


AFFINE = np.array([[0.0, 2.0, 0.0, 5.0], [-1.0, 0.0, 0.0, -3.0], [0.0, 0.0, 3.0, 1.0]])
PLACES = {  # attributes -> sides of a sample, and the middle of the grid, in the units of the file
    "spacing and origin": (
        {f"spacing_{i}": s for i, s in enumerate((1.0, 2.0, 3.0))}
        | {f"origin_{i}": 10.0 * i for i in range(3)},
        [1.0, 2.0, 3.0],
        [12.0, 34.0, 56.0],
    ),
    "affine": (
        {f"affine_{r}{c}": AFFINE[r, c] for r in range(3) for c in range(4)},
        [2.0, 1.0, 3.0],
        AFFINE[:, :3] @ [12.0, 12.0, 12.0] + AFFINE[:, 3],
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_surface_of_a_field_lies_where_the_field_does(name):
    """Its level is in the field's units, whose size does not matter."""
    attributes, sides, middle = PLACES[name]
    grid = np.stack(np.meshgrid(*[np.arange(25) - 12.0] * 3, indexing="ij"), axis=-1)
    values = np.float32(-1e4 * np.linalg.norm(grid, axis=-1, keepdims=True))
    frame = make_signal("field", values, attributes=attributes).frame
    mesh = mesh_of(values, frame, -8e4)
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), 16.0 * np.array(sides), rtol=0.01)
    np.testing.assert_allclose(mesh.vertices.mean(axis=0), middle, atol=0.1)
    assert volume_of(mesh) == pytest.approx(4 / 3 * np.pi * 8**3 * np.prod(sides), rel=0.02)


def test_bits_are_written_and_read_back(tmp_path):
    signal = sample_signal("volume", size=20)
    path = write_signal(tmp_path / "a.npz", signal.values, signal.frame)
    np.testing.assert_array_equal(load_signal(path, crop=None).values, signal.values)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("a.ply", 0.2, "at most 0.2"),
        ("a.ply", np.nan, "did not diverge"),
        ("a.npz", np.inf, "did not diverge"),
        ("a.mat", 1.0, "change the suffix"),
        ("missing/a.ply", 1.0, "existing folder"),
        ("missing/a.npz", 1.0, "existing folder"),
    ],
)
def test_bad_writes_are_refused_and_leave_nothing(tmp_path, name, value, words):
    frame = sample_signal("volume", size=4).frame
    with pytest.raises(SignalError, match=words):
        write_signal(tmp_path / name, np.full((frame.num_points, 1), value, np.float32), frame)
    assert not list(tmp_path.iterdir())


def test_a_box_from_a_stranger_is_checked():
    signal = sample_signal("volume", size=4)
    damaged = make_signal(
        "volume", signal.samples > 0, attributes=signal.attributes | {"low_y": 9.0}
    )
    with pytest.raises(SignalError, match="lower corner first"):
        mesh_of(damaged.values, damaged.frame)


def test_a_missing_package_is_said_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    signal = sample_signal("volume", size=8)
    with pytest.raises(SignalError, match=r"pip install 'optiinr-jax\[mesh\]'"):
        mesh_of(signal.values, signal.frame)


def test_mesh_of_a_picture_is_refused():
    signal = sample_signal("image", size=4)
    with pytest.raises(SignalError, match="surface of a solid or a field"):
        mesh_of(signal.values, signal.frame)


# Pictures of solids


def test_a_rendered_ball_is_a_shaded_disc():
    picture = render_mesh(*BALL, size=64)
    assert picture.shape == (64, 64, 3)
    assert picture.dtype == np.float32
    y, x = np.mgrid[:64, :64] - 31.5
    disc = np.hypot(x, y) < 0.46 * 64 - 1.5
    background = np.hypot(x, y) > 0.46 * 64 + 1.5
    assert (picture[background] == 1).all()
    assert (picture[disc].max(axis=-1) < 1).all()
    grey = picture.mean(axis=-1)
    assert grey[12, 20] > grey[52, 44] + 0.2  # light from above left


@pytest.mark.parametrize(("up", "axis"), [("x", 0), ("y", 1), ("z", 2)])
def test_up_is_up_and_the_near_side_hides_the_far_one(up, axis):
    """A thin plate low in a box, and two posts of which only the near one is whole."""
    post = trimesh.creation.box((0.2, 0.2, 0.2))
    shift = np.zeros(3)
    shift[axis] = 3.0
    both = trimesh.util.concatenate([post, post.copy().apply_translation(shift)])
    both.vertices[:8] = both.vertices[:8] * 4  # the large cube stays below
    picture = render_mesh(np.asarray(both.vertices), np.asarray(both.faces), 64, up=up)
    rows = (picture < 1).any(axis=-1).sum(axis=1)
    seen = np.flatnonzero(rows)
    assert rows[seen[:5]].max() < rows[seen[-8:]].max() / 2


@pytest.mark.parametrize("options", [{"up": "w"}, {"size": 1}])
def test_render_refuses(options):
    with pytest.raises(SignalError, match="render_mesh got"):
        render_mesh(*BALL, **options)
