"""Solids: files of every format are read, refused or warned about, never silently wrong."""

import io
import struct
import warnings

import numpy as np
import pytest
import trimesh

from optiinr_jax.signals import (
    SignalError,
    load_signal,
    mesh_of,
    read_mesh,
)
from optiinr_jax.signals.mesh import Mesh, volume_of, write_mesh

MESHES = (".ply", ".obj", ".stl", ".off", ".glb")
SPHERE = trimesh.creation.icosphere(3)


def encode(suffix: str, mesh: trimesh.Trimesh = SPHERE) -> bytes:
    content = mesh.export(file_type=suffix[1:])
    return content.encode() if isinstance(content, str) else content


NOISE = np.random.default_rng(2).bytes(999)


# Meshes


@pytest.mark.parametrize("suffix", MESHES)
def test_a_mesh_of_each_format_becomes_a_ball(tmp_path, suffix):
    path = tmp_path / f"ball{suffix}"
    path.write_bytes(encode(suffix))
    signal = load_signal(path, size=32)
    assert (signal.kind, signal.name, signal.shape) == ("volume", "ball", (32, 32, 32))
    assert signal.is_packed
    radius = np.linalg.norm(np.asarray(signal.grid_coords()) * 31 / 32, axis=1)
    inside = signal.values[:, 0] == 1
    assert inside[radius < 0.985].all()  # the polyhedron is up to 1.3 % smaller
    assert not inside[radius > 1.0].any()
    assert signal.attributes["low_x"] == pytest.approx(-31 / 32, abs=1e-6)
    assert signal.attributes["high_z"] == pytest.approx(31 / 32, abs=1e-6)


def test_sides_in_proportion_and_voxels_are_cubes(tmp_path, check_refusal):
    box = trimesh.creation.box(bounds=[[10, 20, 30], [14, 21, 30.3]])
    path = write_mesh(tmp_path / "box.ply", Mesh(box.vertices, box.faces))
    signal = load_signal(path, size=40)
    assert signal.shape == (40, 10, 3)
    assert signal.values.all()
    low, high = ([signal.attributes[f"{end}_{a}"] for a in "xyz"] for end in ("low", "high"))
    np.testing.assert_allclose(low, [10.05, 20.05, 30.05], atol=1e-6)
    np.testing.assert_allclose(high, [13.95, 20.95, 30.25], atol=1e-6)
    assert load_signal(path).shape == (128, 32, 10)
    check_refusal("centre of no voxel", lambda: load_signal(path, size=2))


def test_only_vertices_that_faces_use_count(tmp_path):
    vertices = np.concatenate([[[500.0, 0, 0]], SPHERE.vertices, [[np.nan] * 3]])
    text = "".join(f"v {x} {y} {z}\n" for x, y, z in vertices)
    text += "".join(f"f {a + 2} {b + 2} {c + 2}\n" for a, b, c in SPHERE.faces)
    (tmp_path / "a.obj").write_text(text)
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.vertices.shape == SPHERE.vertices.shape
    assert load_signal(tmp_path / "a.obj", size=8).shape == (8, 8, 8)


def test_an_open_mesh_is_read_with_a_warning_and_its_share_of_doubt(tmp_path):
    is_kept = SPHERE.triangles_center[:, 2] < 0.8
    mesh = Mesh(SPHERE.vertices, np.asarray(SPHERE.faces)[is_kept])
    path = write_mesh(tmp_path / "bowl.ply", mesh)
    with pytest.warns(UserWarning, match=r"has holes .* inside from one direction"):
        signal = load_signal(path, size=24)
    assert 0.01 < signal.attributes["disputed"] < 0.2
    whole = load_signal(write_mesh(tmp_path / "a.ply", Mesh(*mesh_parts())), size=24)
    assert "disputed" not in whole.attributes


def mesh_parts() -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(SPHERE.vertices), np.asarray(SPHERE.faces)


FLAT = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
NAN = "v 0 0 nan\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n"
TUBE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n"
PLY = "ply\nformat ascii 1.0\nelement vertex 3\n"
PLY += "".join(f"property float {axis}\n" for axis in "xyz")
BAD_MESHES = {
    "no face": (".obj", b"v 0 0 0\nv 1 0 0\n", "0 faces"),
    "flat": (".obj", FLAT.encode(), "encloses a volume"),
    "nan": (".obj", NAN.encode(), "vertices that are nan"),
    "inf": (".obj", NAN.replace("nan", "inf").encode(), "vertices that are nan"),
    "huge": (".obj", NAN.replace("nan", "1e200").encode(), "vertices that are nan"),
    "no such vertex": (".obj", NAN.replace("f 1 3 2", "f 1 3 99").replace("nan", "0").encode(), ""),
    "points": (".ply", (PLY + "end_header\n0 0 0\n1 0 0\n0 1 0\n").encode(), "0 faces|decoded"),
    "a gigantic ply": (".ply", PLY.replace("3", "9" * 15).encode() + b"end_header\n", ""),
    "stl that promises": (".stl", bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(50), ""),
    "glb that promises": (".glb", b"glTF" + struct.pack("<III", 2, 2**31, 2**31) + b"JSON", ""),
    "off of comments": (".off", b"# " * 20_000 + b"\nOFF " + b"# " * 20_000, ""),
    "json of a gltf": (".glb", b'{"asset": {"version": "2.0"}}', "cannot be decoded"),
}


@pytest.mark.parametrize(("suffix", "content", "words"), BAD_MESHES.values(), ids=BAD_MESHES)
def test_bad_meshes_are_refused(tmp_path, suffix, content, words, check_refusal):
    (tmp_path / f"bad{suffix}").write_bytes(content)
    check_refusal(words, lambda: load_signal(tmp_path / f"bad{suffix}"))


@pytest.mark.parametrize("suffix", [*MESHES, ".npz", ".npy", ".mat"])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(500), NOISE], ids=range(4))
def test_garbage_is_refused(tmp_path, suffix, content, check_refusal):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    check_refusal("", lambda: load_signal(path))


def test_missing_files_are_refused(tmp_path, check_refusal):
    check_refusal("does not exist", lambda: load_signal(tmp_path / "none.ply"))
    with pytest.raises(SignalError, match="is a folder"):
        load_signal(tmp_path)


@pytest.mark.parametrize("suffix", MESHES)
def test_a_cut_mesh_is_refused_or_warned_about(tmp_path, suffix):
    content, path = encode(suffix), tmp_path / f"cut{suffix}"
    path.write_bytes(content)
    whole = load_signal(path, size=12)
    for length in np.linspace(1, len(content) - 40, 25).astype(int):
        path.write_bytes(content[:length])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                signal = load_signal(path, size=12)
            except SignalError:
                continue
        assert suffix == ".obj"  # whose text does not say how many faces it has
        if not any("has holes" in str(warning.message) for warning in caught):
            np.testing.assert_array_equal(signal.values, whole.values)  # holes between the voxels


def test_a_cut_text_stl_is_refused(tmp_path, check_refusal):
    content = SPHERE.export(file_type="stl_ascii").encode()
    path = tmp_path / "a.stl"
    path.write_bytes(content)
    assert load_signal(path, size=8).values.any()
    path.write_bytes(content[: content.rfind(b"endfacet", 0, -100) + 9])
    check_refusal("ends early", lambda: load_signal(path))


def test_materials_and_other_files_are_not_opened(tmp_path, monkeypatch):
    (tmp_path / "secret.mtl").write_text("newmtl a\nmap_Kd secret.png\n")
    (tmp_path / "a.obj").write_text("mtllib secret.mtl\n" + encode(".obj").decode())
    opened = []
    plain = io.open
    monkeypatch.setattr(
        "builtins.open", lambda f, *a, **k: opened.append(str(f)) or plain(f, *a, **k)
    )
    read_mesh(tmp_path / "a.obj")
    assert not [name for name in opened if "secret" in name]


def test_a_scene_that_repeats_a_mesh_too_often_is_refused(tmp_path, monkeypatch, check_refusal):
    monkeypatch.setattr("optiinr_jax.signals.mesh.MAX_FACES", 3 * len(SPHERE.faces))
    scene = trimesh.Scene()
    for i in range(4):
        if i == 3:
            (tmp_path / "three.glb").write_bytes(scene.export(file_type="glb"))
        move = trimesh.transformations.translation_matrix([3.0 * i, 0, 0])
        scene.add_geometry(SPHERE, geom_name="ball", transform=move)
    (tmp_path / "four.glb").write_bytes(scene.export(file_type="glb"))
    assert len(read_mesh(tmp_path / "three.glb").faces) == 3 * len(SPHERE.faces)
    check_refusal("limit is 3840", lambda: load_signal(tmp_path / "four.glb"))


@pytest.mark.parametrize("size", [0, 1, -3, True, (4, 4), 10**6])
def test_bad_sizes_are_refused(tmp_path, size, check_refusal):
    (tmp_path / "a.stl").write_bytes(encode(".stl"))
    check_refusal("size", lambda: load_signal(tmp_path / "a.stl", size))


def test_max_points_is_checked(tmp_path, check_refusal):
    (tmp_path / "a.stl").write_bytes(encode(".stl"))
    assert load_signal(tmp_path / "a.stl", 10, max_points=1000).num_points == 1000
    check_refusal("limit is 999", lambda: load_signal(tmp_path / "a.stl", 10, max_points=999))
    np.save(tmp_path / "a.npy", np.ones((7, 9, 5), bool))
    check_refusal("limit is 99", lambda: load_signal(tmp_path / "a.npy", max_points=99))
    check_refusal("limit is 400", lambda: load_signal(tmp_path / "a.npy", 20, max_points=400))


def test_a_tube_without_ends_is_closed_by_majority(tmp_path):
    walls = "f 1 2 6\nf 1 6 5\nf 2 3 7\nf 2 7 6\nf 3 4 8\nf 3 8 7\nf 4 1 5\nf 4 5 8\n"
    (tmp_path / "tube.obj").write_text(TUBE + walls)
    with pytest.warns(UserWarning, match=r"100\.0 % of its voxels"):
        assert load_signal(tmp_path / "tube.obj", size=8).values.all()


def test_a_surface_that_encloses_nothing_is_refused(tmp_path, check_refusal):
    (tmp_path / "a.obj").write_text(FLAT + "v 9 9 9\nv 8 9 9\nv 9 8 9\nf 4 5 6\n")
    check_refusal("no voxel", lambda: load_signal(tmp_path / "a.obj", size=8))


def test_wire_crop_is_no_rule_for_meshes_and_options_are_checked(tmp_path, check_refusal):
    (tmp_path / "a.stl").write_bytes(encode(".stl"))
    check_refusal("rule for occupancy files", lambda: load_signal(tmp_path / "a.stl", crop="wire"))
    check_refusal("but crop", lambda: load_signal(tmp_path / "a.stl", start=3.0))
    with pytest.raises(SignalError, match="but square were expected"):
        load_signal(tmp_path / "a.png", crop="tight")


@pytest.mark.integration
def test_the_open_bunny_is_solid_and_its_doubt_is_said(data_folder):
    with pytest.warns(UserWarning, match="has holes"):
        signal = load_signal(data_folder / "shapes" / "stanford-bunny.obj", size=64)
    assert 0.01 < signal.attributes["disputed"] < 0.1
    mesh = mesh_of(signal.values, signal.frame)
    # The scan's own signed volume, whose holes in the base are small against it.
    scan = read_mesh(data_folder / "shapes" / "stanford-bunny.obj")
    assert volume_of(mesh) == pytest.approx(volume_of(scan), rel=0.05)


def test_the_dragon_mesh_agrees_with_its_volume(data_folder):
    mesh = read_mesh(data_folder / "shapes" / "stanford_dragon_100kfaces.ply")
    signal = load_signal(data_folder / "shapes" / "stanford_dragon_100kfaces.ply", size=128)
    step = np.ptp(mesh.vertices, axis=0).max() / 128
    assert signal.values.sum() * step**3 == pytest.approx(volume_of(mesh), rel=0.005)


def test_what_other_programs_write_around_a_mesh_is_passed_over(tmp_path, check_refusal):
    expected = load_signal(write_mesh(tmp_path / "a.ply", Mesh(*mesh_parts())), size=12).values
    stl = trimesh.Trimesh(*mesh_parts(), process=False).export(file_type="stl")
    (tmp_path / "a.stl").write_bytes(stl + b"made by another program, which says so at the end")
    np.testing.assert_array_equal(load_signal(tmp_path / "a.stl", size=12).values, expected)
    ply = (tmp_path / "a.ply").read_bytes()
    for line in ("comment by André", "obj_info café"):
        changed = ply.replace(b"element vertex", line.encode("latin-1") + b"\nelement vertex", 1)
        (tmp_path / "b.ply").write_bytes(changed)
        np.testing.assert_array_equal(load_signal(tmp_path / "b.ply", size=12).values, expected)
    strips = PLY.replace("vertex 3", "vertex 4") + "element tristrips 1\n"
    strips += "property list int int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n"
    (tmp_path / "c.ply").write_text(strips + "4 0 1 2 3\n")
    check_refusal("strips of triangles", lambda: load_signal(tmp_path / "c.ply"))


@pytest.mark.parametrize("name", ["a.gltf", "a.3mf", "a.xyz", "a"])
def test_a_surface_is_written_in_formats_that_are_named(tmp_path, name):
    with pytest.raises(SignalError, match=r"is written as one of .ply, .obj, .stl, .glb, .off"):
        write_mesh(tmp_path / name, Mesh(*mesh_parts()))
    assert not list(tmp_path.iterdir())


def test_a_turned_face_of_a_file_leaves_its_overlap_full(tmp_path):
    ball = trimesh.creation.icosphere(subdivisions=3)
    both = trimesh.util.concatenate([ball, ball.copy().apply_translation((1, 0, 0))])
    found = []
    for turned in ([], [0], np.arange(len(ball.faces))):
        faces = both.faces.copy()
        faces[turned] = faces[turned][:, ::-1]
        trimesh.Trimesh(both.vertices, faces, process=False).export(tmp_path / "a.ply")
        found.append(load_signal(tmp_path / "a.ply", size=24))
    for signal in found[1:]:
        np.testing.assert_array_equal(signal.values, found[0].values)
        np.testing.assert_array_equal(signal.finer.points, found[0].finer.points)
