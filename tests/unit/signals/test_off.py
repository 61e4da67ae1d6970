"""OFF files of other programs: polygons, comments, colours, heads in one line."""

import numpy as np
import pytest
import trimesh

from optiinr_jax.signals import load_signal
from optiinr_jax.signals.mesh import read_mesh, volume_of

BOX = trimesh.creation.box()
QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
VERTICES = "".join(f"{x} {y} {z}\n" for x, y, z in BOX.vertices)
FACES = "".join(f"4 {' '.join(map(str, face))}\n" for face in QUADS)
FILES = {
    "plain": f"OFF\n8 6 12\n{VERTICES}{FACES}",
    "head in one line": f"OFF 8 6 12\n{VERTICES}{FACES}",
    "head in one word": f"OFF8 6 12\n{VERTICES}{FACES}",
    "comments": f"# of a program\nOFF # here\n# sizes\n8 6 12\n\n{VERTICES}# faces\n{FACES}",
    "colours": "COFF\n8 6 0\n" + VERTICES.replace("\n", " 255 0 0 255\n") + FACES,
    "colours of faces": f"OFF\n8 6 0\n{VERTICES}" + FACES.replace("\n", " 0.5 0.5 1\n"),
    "edges and points": f"OFF\n8 8 0\n{VERTICES}2 0 1\n1 3\n{FACES}",
}


@pytest.mark.parametrize("name", FILES)
def test_a_box_of_squares(tmp_path, name):
    (tmp_path / "a.off").write_text(FILES[name])
    mesh = read_mesh(tmp_path / "a.off")
    assert mesh.faces.shape == (12, 3)
    assert abs(abs(volume_of(mesh)) - 1.0) < 1e-12


def test_a_mixture_of_polygons(tmp_path):
    """A prism over a pentagon, which trimesh fails at: squares, pentagons and triangles."""
    angle = 2 * np.pi * np.arange(5) / 5
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    top = ring + np.array([0, 0, 2])
    vertices = np.concatenate([ring, top, np.array([[0, 0, 3]])])
    faces = [[4, 3, 2, 1, 0], *([i, (i + 1) % 5, (i + 1) % 5 + 5, i + 5] for i in range(5))]
    faces += [[i + 5, (i + 1) % 5 + 5, 10] for i in range(5)]
    text = f"OFF\n{len(vertices)} {len(faces)} 0\n"
    text += "".join(f"{x} {y} {z}\n" for x, y, z in vertices)
    text += "".join(f"{len(face)} {' '.join(map(str, face))}\n" for face in faces)
    (tmp_path / "a.off").write_text(text)
    area = 2.5 * np.sin(2 * np.pi / 5)
    assert volume_of(read_mesh(tmp_path / "a.off")) == pytest.approx(area * (2 + 1 / 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("OFF\n8 6 0\n" + VERTICES, "ends early"),
        ("OFF BINARY\n8 6 0\n", "does not begin with OFF"),
        ("4OFF\n8 6 0\n" + VERTICES + FACES, "does not begin with OFF"),
        (f"OFF\n8 6 0\n{VERTICES}" + FACES.replace("4 0 1 3 2", "4 0 1 3"), "fewer corners"),
    ],
)
def test_what_is_no_whole_off_file_is_refused(tmp_path, text, words, check_refusal):
    (tmp_path / "a.off").write_text(text)
    check_refusal(words, lambda: load_signal(tmp_path / "a.off"))
