"""Files that need a package of their own, and files that are not read at all: what to do then."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from optiinr_jax.signals.errors import SignalError

_T = TypeVar("_T")

# module -> the extra of this package that brings it
_EXTRAS = {
    "nibabel": "nifti",
    "h5py": "hdf5",
    "av": "video",
    "pillow_heif": "heic",
    "OpenEXR": "exr",
    "tifffile": "tiff",
}

_SOUND, _FILM, _MESH = "ffmpeg -i {} a.wav", "ffmpeg -i {} a.mp4", "assimp export {} a.glb"
_CLOUD, _RAW = "pdal translate {} a.csv", "dcraw -T -6 {}"
# suffix of what is not read -> a command of a free program that converts it
_COMMANDS = {
    **dict.fromkeys((".ac3", ".amr", ".ape", ".mka"), _SOUND),
    **dict.fromkeys((".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".ogv"), _FILM),
    **dict.fromkeys((".fbx", ".dae", ".3ds", ".x3d"), _MESH),
    **dict.fromkeys((".las", ".laz", ".e57", ".pcd"), _CLOUD),
    **dict.fromkeys((".dng", ".cr2", ".nef", ".arw"), _RAW),
    ".dcm": "dcm2niix -z y -o . FOLDER",
    ".mgz": "mri_convert {} a.nii.gz",
    ".nc": "nccopy -k nc4 {} a.h5",
    ".hdr": "oiiotool {} -o a.exr",
    ".jxl": "djxl {} a.png",
    ".jp2": "opj_decompress -i {} -o a.png",
    ".svg": "rsvg-convert {} -o a.png",
    ".pdf": "pdftoppm -png -singlefile {} a",
    ".step": "gmsh {} -2 -o a.stl",
    ".vtk": "meshio convert {} a.ply",
    ".vtu": "meshio convert {} a.ply",
    ".xlsx": "ssconvert {} a.csv",
    ".nrrd": """python -c "import nrrd, numpy as n; n.save('a.npy', nrrd.read('{}')[0])" """,
    ".mha": """python -c "import SimpleITK as s; s.WriteImage(s.ReadImage('{}'), 'a.nii')" """,
    ".zarr": """python -c "import zarr, numpy as n; n.save('a.npy', zarr.open('{}')[:])" """,
    ".parquet": """python -c "import pandas; pandas.read_parquet('{}').to_csv('a.csv')" """,
    ".pt": """python -c "import torch, numpy as n; n.save('a.npy', torch.load('{}'))" """,
}


def import_extra(module: str, path: Path) -> Any:
    """A package that reads or writes a file.

    Raises:
        SignalError: it is not installed; the sentence names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        extra = _EXTRAS[module]
        raise SignalError(
            f"{path} needs the package {module.replace('_', '-')}, which is not installed, but is "
            f"expected for {suffix_of(path)} files; pip install 'optiinr-jax[{extra}]'."
        ) from None


def say_how_to_convert(path: Path) -> str:
    """What to do with a file that is not read: a command where one is known."""
    command = _COMMANDS.get(path.suffix.lower())
    if command is None:
        return "convert the file or correct its name"
    return f"convert it, as by: {command.format(path.name).strip()}"


def suffix_of(path: Path) -> str:
    """The end of a name that says its format: .nii.gz is one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def check_exists(path: Path, expected: str) -> None:
    """Raise SignalError for a file that is missing, a folder, or empty."""
    if not path.is_file():
        raise SignalError(
            f"{path} does not exist or is no file, but {expected} was expected; check the path."
        )
    if path.stat().st_size == 0:
        raise SignalError(
            f"{path} is empty, but {expected} was expected; copy or download it again."
        )


def decoded(path: Path, read: Callable[[], _T], advice: str) -> _T:
    """`read()`, with one type of error: readers of foreign formats raise a dozen."""
    try:
        return read()
    except SignalError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise SignalError(
            f"{path} cannot be decoded ({reason:.150}), but a whole {suffix_of(path)} file was "
            f"expected; {advice}."
        ) from None
