"""Occupancy files: every format, what is refused in them, size and crop."""

import io
import zipfile

import numpy as np
import pytest
import scipy.io

from optiinr_jax.signals import SignalError, load_signal, read_volume, solid
from optiinr_jax.signals.occupancy import write_occupancy

SHAPE = (7, 9, 5)
OCCUPIED = np.pad(np.random.default_rng(0).random((5, 4, 3)) < 0.6, ((1, 1), (2, 3), (0, 2)))
OCCUPIED[1, 2, 0] = OCCUPIED[5, 5, 2] = True  # corners of the tight box


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def mat(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays, do_compression=True)
    return buffer.getvalue()


GRIDS = {
    "bool": (".npy", npy(OCCUPIED)),
    "uint8 of 255": (".npy", npy(OCCUPIED.astype(np.uint8) * 255)),
    "float": (".npy", npy(OCCUPIED.astype(np.float64))),
    "fortran order": (".npy", npy(np.asfortranarray(OCCUPIED))),
    "one array": (".npz", npz(grid=OCCUPIED, note=np.arange(3))),
    "bits": (".npz", npz(packed=np.packbits(OCCUPIED), shape=np.array(SHAPE))),
    "matlab double": (".mat", mat(hypercube=OCCUPIED.astype(float), n=np.ones((2, 2)))),
    "matlab logical": (".mat", mat(v=OCCUPIED)),
}


@pytest.mark.parametrize(("suffix", "content"), GRIDS.values(), ids=GRIDS)
def test_an_occupancy_of_each_format(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    whole = load_signal(path, crop=None)
    assert whole.shape == SHAPE
    np.testing.assert_array_equal(whole.samples[..., 0], OCCUPIED)
    tight = load_signal(path)
    np.testing.assert_array_equal(tight.samples[..., 0], OCCUPIED[1:6, 2:6, 0:3])
    wire = load_signal(path, crop="wire")
    np.testing.assert_array_equal(wire.samples[..., 0], OCCUPIED[1:5, 2:5, 0:2])
    assert [tight.attributes[f"{end}_{a}"] for end in ("low", "high") for a in "xyz"] == [
        *(1, 2, 0),
        *(5, 5, 2),
    ]


def test_size_takes_the_nearest_voxel(tmp_path):
    path = write_occupancy(tmp_path / "a.npz", OCCUPIED)
    half = OCCUPIED.repeat(3, 0).repeat(3, 1).repeat(3, 2)
    large = load_signal(path, size=27, crop=None)
    np.testing.assert_array_equal(large.samples[..., 0], half)
    assert large.attributes["low_x"] == pytest.approx(-1 / 3)
    assert large.attributes["high_y"] == pytest.approx(8 + 1 / 3)
    again = load_signal(write_occupancy(tmp_path / "b.npz", half), size=9, crop=None)
    np.testing.assert_array_equal(again.samples[..., 0], OCCUPIED)
    assert load_signal(path, size=5).shape == (5, 4, 3)


GRAY = np.linspace(0, 1, 27).reshape(3, 3, 3)
BAD_GRIDS = {
    "a field": (".npy", npy(GRAY), "cut a field at its level"),
    "signed": (".npy", npy(np.where(OCCUPIED, 1, -1)), "cut a field"),
    "nan": (".npy", npy(np.where(OCCUPIED, np.nan, 0.0)), "cut a field"),
    "full of zeros": (".npy", npy(np.zeros((3, 3, 3))), "cut a field"),
    "empty bits": (".npy", npy(np.zeros((3, 3, 3), bool)), "no full voxel"),
    "one voxel": (".npy", npy(np.arange(27).reshape(3, 3, 3) == 13), "at least 2 x 2 x 2"),
    "a picture": (".npy", npy(np.ones((3, 3))), "three sides"),
    "thin": (".npy", npy(np.ones((3, 1, 3))), "at least 2 voxels"),
    "text": (".npy", npy(np.full((2, 2, 2), "x")), "bool or plain numbers"),
    "complex": (".npy", npy(np.ones((2, 2, 2), complex)), "bool or plain numbers"),
    "a pickle": (".npy", npy(np.full((2, 2, 2), None), allow_pickle=True), "plain numbers"),
    "two arrays": (".npz", npz(a=OCCUPIED, b=OCCUPIED), "2 arrays with three axes"),
    "no array": (".npz", npz(a=np.ones(3)), "0 arrays with three axes"),
    "a pickle inside": (
        ".npz",
        zipped(a=npy(np.full((2, 2, 2), None), allow_pickle=True)),
        "plain",
    ),
    "too few bits": (".npz", npz(packed=np.zeros(9, np.uint8), shape=np.array(SHAPE)), "40 bytes"),
    "bits of float": (".npz", npz(packed=np.zeros(40), shape=np.array(SHAPE)), "type float64"),
    "a shape of two": (".npz", npz(packed=np.zeros(2, np.uint8), shape=np.array([4, 4])), "three"),
    "a negative shape": (
        ".npz",
        npz(packed=np.zeros(2, np.uint8), shape=np.array([-4, -4, 1])),
        "three sides",
    ),
    "a gigantic npy": (".npy", npy_header("|u1", (10**5,) * 3), "limit is"),
    "a gigantic npz": (".npz", zipped(a=npy_header("|u1", (10**5,) * 3)), "limit is"),
    "gigantic bits": (
        ".npz",
        npz(packed=np.zeros(2, np.uint8), shape=np.array([2**40, 2**40, 2])),
        "limit is",
    ),
    "more bits than there are": (
        ".npz",
        zipped(packed=npy_header("|u1", (40,)), shape=npy(np.array(SHAPE))),
        "cannot be decoded",
    ),
    "a header of code": (
        ".npy",
        npy_header("|u1", (2, 2, 2)).replace(b"{'descr'", b"print(1)")[:80],
        "",
    ),
    "matlab cell": (".mat", mat(v=np.full((2, 2, 2), "x", object)), "class|arrays"),
    "matlab 7.3": (".mat", b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400), ""),
}


@pytest.mark.parametrize(("suffix", "content", "words"), BAD_GRIDS.values(), ids=BAD_GRIDS)
def test_bad_occupancies_are_refused(tmp_path, suffix, content, words, check_refusal):
    (tmp_path / f"bad{suffix}").write_bytes(content)
    check_refusal(words, lambda: load_signal(tmp_path / f"bad{suffix}", kind="volume"))


def test_a_gigantic_matlab_file_is_refused_before_it_is_read(tmp_path, monkeypatch, check_refusal):
    (tmp_path / "a.mat").write_bytes(mat(v=np.ones((40, 50, 60), np.uint8)))

    def load(*arguments, **options):
        raise AssertionError("read")

    monkeypatch.setattr("scipy.io.loadmat", load)
    check_refusal("limit is 1000", lambda: load_signal(tmp_path / "a.mat", max_points=1000))


@pytest.mark.parametrize("name", ["bits", "one array", "bool", "matlab double"])
def test_a_cut_occupancy_is_refused(tmp_path, name):
    suffix, content = GRIDS[name]
    path = tmp_path / f"cut{suffix}"
    for length in np.linspace(1, len(content) - 2, 40).astype(int):
        path.write_bytes(content[:length])
        try:
            whole = load_signal(path, crop=None)
        except SignalError:
            continue
        assert (name, whole.shape) == ("matlab double", SHAPE)  # cut in the array behind it
        np.testing.assert_array_equal(whole.samples[..., 0], OCCUPIED)


def test_a_wrong_checksum_is_refused(tmp_path, check_refusal):
    path = write_occupancy(tmp_path / "a.npz", solid(16, 16, 8))
    content = bytearray(path.read_bytes())
    content[content.index(b"packed.npy") + 30] ^= 4
    path.write_bytes(bytes(content))
    check_refusal("cannot be decoded", lambda: load_signal(path))


@pytest.mark.parametrize("crop", ["loose", "", "none"])
def test_an_unknown_crop_is_refused(tmp_path, crop, check_refusal):
    path = write_occupancy(tmp_path / "a.npz", OCCUPIED)
    check_refusal("'tight', 'wire' or None", lambda: load_signal(path, crop=crop))


def test_wires_crop_of_the_dragon(data_folder):
    """Figures of WIRE's volume, counted from the file its authors use."""
    path = data_folder / "shapes" / "dragon_occ512_packbits.npz"
    tight, wire = read_volume(path).occupied, read_volume(path, crop="wire").occupied
    assert (tight.shape, wire.shape) == ((360, 510, 228), (359, 509, 227))
    assert tight.sum() == 7_419_895
    assert tight.sum() - wire.sum() == 74
