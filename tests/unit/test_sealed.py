"""Files of arrays: what comes back is what went in, or it is refused."""

import numpy as np
import pytest

from optiinr_jax.sealed import seal, unseal


class OddFileError(ValueError):
    pass


ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.zeros((0, 2), np.int32)}


def read(path, check=lambda metadata, file: metadata["word"]):
    return unseal(path, "thing", OddFileError, check)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "thing"
    path.write_bytes(seal(ARRAYS, {"word": "yes"}))
    return path


def test_it_reads_what_was_written(file):
    word, arrays = read(file)
    assert word == "yes" and set(arrays) == set(ARRAYS)
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_every_flipped_bit_is_noticed(file):
    content = file.read_bytes()
    for place in range(8, len(content)):  # the first eight bytes are a length
        changed = bytearray(content)
        changed[place] ^= 1
        file.write_bytes(changed)
        with pytest.raises(OddFileError):
            read(file)


def test_what_is_no_such_file_is_a_sentence(file, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no thing .*; check the name"):
        read(tmp_path / "nothing")
    with pytest.raises(OddFileError, match="is not a thing of this version: 'colour'"):
        read(file, lambda metadata, file: metadata["colour"])
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(OddFileError, match="is not a thing or is incomplete"):
        read(file)
