"""The pictures, sounds and solids of the literature, by name.

A file is named folder/file, as "kodak/kodim04". It is looked for in the data folder, which is
`OPTIINR_DATA` where that variable is set and the user's cache otherwise, and downloaded to there
where it is missing. So a folder filled by hand needs no network. A file whose sha256 is known is
checked each time it is used, wherever it came from.

Sources and terms. Kodak: released by the Eastman Kodak Company for unrestricted usage. DIV2K: 16
test pictures of 512 x 512, as in FINER's repository; academic research. Audio: SIREN's bach and
counting (MIT); twospeakers from Neural-Experts (MIT), the only public copy. Shapes: Stanford 3D
Scanning Repository, research use with attribution, no commercial use without permission; the two
occupancy grids of 512^3 voxels are those of FR-INR, made after WIRE's. Spot: Keenan Crane, through
common-3d-test-models, as is one bunny.
"""

import gzip
import hashlib
import os
import shutil
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from optiinr_jax.files import write_atomic
from optiinr_jax.signals.errors import LossWarning, SignalError
from optiinr_jax.signals.kinds import kind_of_file
from optiinr_jax.signals.loading import load_signal
from optiinr_jax.signals.signal import Signal


@dataclass(frozen=True, kw_only=True)
class DatasetFile:
    """Where a file is and how it is known.

    Attributes:
        name: folder/file, as `fetch` takes it.
        path: below the data folder.
        urls: tried in this order.
        sha256: of the file itself; None where nobody has published it.
        archive_sha256: of what is downloaded, where that is an archive.
        member: of the archive; empty for a plain .gz.
    """

    name: str
    path: str
    urls: tuple[str, ...]
    sha256: str | None
    archive_sha256: str | None = None
    member: str = ""


def dataset_names() -> list[str]:
    """The folders: kodak, div2k, audio, shapes."""
    return list(DATASETS)


def dataset_files(name: str) -> list[str]:
    """Names of the files of one dataset, for `fetch` and `load_dataset_signal`."""
    if name not in DATASETS:
        raise SignalError(
            f"the dataset is {name!r}, but one of {', '.join(DATASETS)} was expected; correct it."
        )
    return [file.name for file in DATASETS[name]]


def load_dataset_signal(name: str, size: Any = None, **options: Any) -> Signal:
    """`load_signal` of a dataset's file, for example load_dataset_signal("kodak/kodim04", 64).

    As in the papers: of a picture the middle square is cut out without a word, of a sound the mean
    of its channels is taken.
    """
    path = fetch(name)
    if kind_of_file(path) == "audio":
        options.setdefault("mono", True)
    if isinstance(size, int) and kind_of_file(path) == "image":
        options.setdefault("square", True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LossWarning)
        return load_signal(path, size, **options)


def data_folder() -> Path:
    """`OPTIINR_DATA`, or a folder in the user's cache."""
    chosen = os.environ.get("OPTIINR_DATA")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "optiinr"


def fetch(name: str) -> Path:
    """Path of a dataset's file in the data folder; downloaded first where it is missing."""
    file = _find(name)
    path = data_folder() / file.path
    if path.is_file():
        _check_sha256(path, file.sha256)
        return path
    _download(file, path)
    return path


def _find(name: str) -> DatasetFile:
    folder = name.partition("/")[0]
    known = dataset_files(folder)
    if name not in known:
        raise SignalError(
            f"the dataset file is {name!r}, but one of {', '.join(known)} was expected; correct it."
        )
    return DATASETS[folder][known.index(name)]


def _download(file: DatasetFile, path: Path) -> None:
    """Bring a file from the first address that gives it, checked before it takes its name."""
    failures = []
    for url in file.urls:
        try:
            _download_from(url, file, path)
            return
        except ImportError:
            failures.append("pooch is missing, pip install optiinr-jax[data]")
            break
        except (OSError, ValueError, KeyError) as error:  # network, checksum, member
            text = " ".join(str(error).split()).rstrip(".")
            failures.append(f"{url}: {type(error).__name__ if 'Caused by' in text else text}")
    digest = file.sha256 or "not known"
    raise SignalError(
        f"{file.name} is not at {path} and could not be downloaded ({'; '.join(failures)}), but it "
        f"was expected; put it there by hand (sha256 {digest}), or set OPTIINR_DATA to a folder "
        f"that holds {file.path}."
    )


def _download_from(url: str, file: DatasetFile, path: Path) -> None:
    import pooch

    path.parent.mkdir(parents=True, exist_ok=True)
    unpack = _unpacker(url)
    digest = file.sha256 if unpack is None else file.archive_sha256
    arrived = path if unpack is None else path.with_name(f"{path.name}.download")
    pooch.retrieve(url, digest and f"sha256:{digest}", fname=arrived.name, path=path.parent)
    if unpack is None:
        return
    try:
        # Only the bytes of one member are taken; no name in the archive decides where they go.
        write_atomic(path, lambda out: unpack(arrived, file.member, out))
        _check_sha256(path, file.sha256)
    finally:
        arrived.unlink(missing_ok=True)


def _check_sha256(path: Path, expected: str | None) -> None:
    if expected is None:
        return
    with open(path, "rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != expected:
        raise SignalError(
            f"{path} has sha256 {got}, but {expected} was expected; it is another file or damaged, "
            "so delete it and load it again."
        )


def _unpack_tar(archive: Path, member: str, out: IO[bytes]) -> None:
    with tarfile.open(archive) as tar:
        source = tar.extractfile(member)
        if source is None:
            raise KeyError(f"{member} in {archive} is no file")
        shutil.copyfileobj(source, out)


def _unpack_zip(archive: Path, member: str, out: IO[bytes]) -> None:
    with zipfile.ZipFile(archive) as zipped, zipped.open(member) as source:
        shutil.copyfileobj(source, out)


def _unpack_gzip(archive: Path, member: str, out: IO[bytes]) -> None:
    with gzip.open(archive) as source:
        shutil.copyfileobj(source, out)


Unpacker = Callable[[Path, str, IO[bytes]], None]
_UNPACKERS: dict[str, Unpacker] = {  # the first ending that fits
    ".tar.gz": _unpack_tar,
    ".gz": _unpack_gzip,
    ".zip": _unpack_zip,
}


def _unpacker(url: str) -> Unpacker | None:
    return next((unpack for end, unpack in _UNPACKERS.items() if url.endswith(end)), None)


_GITHUB = "https://raw.githubusercontent.com"
_FINER = f"{_GITHUB}/liuzhen0212/FINER/51a9254e371b1cbfacc408aee7a6d215d6fa0057/data/div2k"
_SIREN = f"{_GITHUB}/vsitzmann/siren/4df34baee3f0f9c8f351630992c1fe1f69114b5f/data"
_EXPERTS = f"{_GITHUB}/sitzikbs/Neural-Experts/5ff5b59184db6cdeb2f7902e18786380c8652ba2/data"
_FR = f"{_GITHUB}/LabShuHangGU/FR-INR/4b8f491922640ace925643c82dba9c251868315e/images/occupance"
_MODELS = f"{_GITHUB}/alecjacobson/common-3d-test-models/8a4f8642acaf43f9cd7b67858a1502e1055ef202"
_STANFORD = "https://graphics.stanford.edu"

_KODAK = {
    "kodim01": "a56e27cbf5f843c048b6af1d6e090760e9c92fadba88b7dee0205918a37523bd",
    "kodim02": "4f4b74a79237e311d72cad958237b5f7088d8bce1c82305ebefe1a70e3022dfd",
    "kodim03": "e25ca1ff2f0c0cb5fdfd5f9b0a0bb21ac4c3de3c84a67f35b09a85d3306249db",
    "kodim04": "e3b946107c5d3441c022f678d0c3caf1e224d81b1604ba840a4f88e562de61aa",
    "kodim05": "10349e963c5c813d327852f82c1795fa4148d69fedffc4c589bee458e3ac3d53",
    "kodim06": "363510303b715d4cbc384e1ce227e466b613a09e1b71ae985882bf8e7fbd9b18",
    "kodim07": "b77d3f006f42414bb242222e0482e750c0fb9e5ee8d4bed2f6f11c5605fe54a4",
    "kodim08": "ba23983c76b4832ee0e8af0592664756841a16779acd69f792e268fb6d13d6e7",
    "kodim09": "6a4361c2fc194feb4edaa9f9a4a0620fb9943e460ac7fdf037fb0f6dd6607a7d",
    "kodim10": "9dfb70f5867c29ff9ed6313683f19b3d867849e40fbc0c4c54a4a89df341cf23",
    "kodim11": "7936814b58b5387fce2e4e2488b4ec830dadd95fa9520f358ddb30990b50f2b6",
    "kodim12": "d78c37c2f04f23761ed2367dd77e2db584ddd4c3950833fecf89f199a8126980",
    "kodim13": "bc34a3ce58dea09dce1704c997171602de90cb34d0c8503a988b77f473d39b08",
    "kodim14": "55a94550ff18f3246c4074fd32b77b0c74447c26b6ad274d564d999c0450ba6e",
    "kodim15": "7538cbb80cb9103606c48b806eae57d56c885c7f90b9b3be70a41160f9cbb683",
    "kodim16": "a89c7268ccd4718ba424a99fc4643c572cf692ca6eae887185ceb4e9f11d2e54",
    "kodim17": "37afcc89fbdcb76d9518e04b2fc011027e2f4cd14b3b2f83cefd721641a47c5b",
    "kodim18": "1a9258c365988961d87a0598725b609139c303ad48a5aad6c503c3b1a87849aa",
    "kodim19": "b7450b264b1b0a411390d8931b112c27905a992520fc90569dc4b920aa32bbdc",
    "kodim20": "3b46c71e3b92a563820ba32936be8330c586c41f938efd94be938386aae4328a",
    "kodim21": "ac958597c82073f6bb65129c68f72b651db5b9efd82e11547d07350214bc268b",
    "kodim22": "1cee58eb1f2d9c7ebb254d208a03c783ce6cf2c4d8c2cf45e235dd23b4ce1b29",
    "kodim23": "e3111a2fd4da24af15d6459ef9eacfe54106b38e27b4a21821b75c3f5d2d5baf",
    "kodim24": "1071c68372cc5a01435c2c225a5cf7d4bb803846ec08bb6b3d6721b156d7cb96",
}
_DIV2K = {
    "test_00": "afab0bbfc40d232542798f8da7fffb195c622618112a3c132ba91de7d533e66a",
    "test_01": "31c2fc99ef1cbaf800e2bf2437c3669fb71fe4d5723b24d4c6b0d2b83958b7e2",
    "test_02": "51f3ad1c277e924562b0b7104bf15cd02473e2f863434c81637fa93728bc1db6",
    "test_03": None,
    "test_04": "0f8447d16f3ca8bf1e0d3b11d6b589c1d382e489b04c346ed40619a29599e313",
    "test_05": None,
    "test_06": "7ca61cdd52a9976bd09b33680f2640e196b286362fe7d8a7e6b27292d49c58ed",
    "test_07": None,
    "test_08": "dc2755028639956003cc42104004d1acaaabc2795ee4552c95816ed3185e5c58",
    "test_09": None,
    "test_10": "953d2124a66968b2718b444b158cbcfd91de4120ed33cf0cbf0f7b6e7d78dbef",
    "test_11": None,
    "test_12": "83f865b79a6b98bad84ab88a26af63cf1bbafd71a2e5fecd2363020ed91bb32f",
    "test_13": None,
    "test_14": None,
    "test_15": None,
}


def _sound(name: str, sha256: str, *folders: str) -> DatasetFile:
    urls = tuple(f"{folder}/gt_{name}.wav" for folder in folders)
    return DatasetFile(name=f"audio/{name}", path=f"audio/gt_{name}.wav", urls=urls, sha256=sha256)


def _shape(
    file: str, url: str, sha256: str | None, archive_sha256: str | None = None, member: str = ""
) -> DatasetFile:
    return DatasetFile(
        name=f"shapes/{Path(file).stem}",
        path=f"shapes/{file}",
        urls=(url,),
        sha256=sha256,
        archive_sha256=archive_sha256,
        member=member,
    )


DATASETS: dict[str, tuple[DatasetFile, ...]] = {
    "kodak": tuple(
        DatasetFile(
            name=f"kodak/{name}",
            path=f"kodak/{name}.png",
            urls=(
                f"https://r0k.us/graphics/kodak/kodak/{name}.png",
                f"http://www.cs.albany.edu/~xypan/research/img/Kodak/{name}.png",
            ),
            sha256=sha256,
        )
        for name, sha256 in _KODAK.items()
    ),
    "div2k": tuple(
        DatasetFile(
            name=f"div2k/{name}",
            path=f"div2k/{name}.png",
            urls=(f"{_FINER}/test_data/{name.removeprefix('test_')}.png",),
            sha256=sha256,
        )
        for name, sha256 in _DIV2K.items()
    ),
    "audio": (
        _sound(
            "bach",
            "023940a1bcc534349e16ff46f360ffbfffa993842961dbed955c168fd2f38190",
            "https://vsitzmann.github.io/siren/img/audio",
            _SIREN,
        ),
        _sound(
            "counting",
            "5becf4851addadb660da353e0e6ea6fd653d4d71e5ea1ce1f6973b556ad397ad",
            "https://vsitzmann.github.io/siren/img/audio",
            _SIREN,
        ),
        _sound(
            "twospeakers",
            "144f397b7d34c8ff25f942c1f0d8a1d9d0fb309d08bda6196a8e130ad956f0c8",
            f"{_EXPERTS}/audio",
        ),
    ),
    "shapes": (
        _shape(
            "dragon_vrip.ply",
            f"{_STANFORD}/pub/3Dscanrep/dragon/dragon_recon.tar.gz",
            "fea87ff48f2aba22fb53e7b67c3ff3f7b8c2a3b3a0653af62c48bba67c6d5744",
            "74ac1d90989c9b1732edee82d57e9ce71452144cf4355f108d8c9c616d28d02f",
            "dragon_recon/dragon_vrip.ply",
        ),
        _shape(
            "xyzrgb_statuette.ply",  # the Thai statue
            f"{_STANFORD}/data/3Dscanrep/xyzrgb/xyzrgb_statuette.ply.gz",
            "01470da9fc1241dcb4b075cc057ff6bf88d8dc721ce24b5847b9efdfbb8c0345",
            "1d867b6540c02935caa777bd6746429a62d4a5d23f11c9bfdfebbaa90c05ca8b",
        ),
        _shape(
            "xyzrgb_dragon.ply",  # the Asian dragon, another than dragon_vrip
            f"{_STANFORD}/data/3Dscanrep/xyzrgb/xyzrgb_dragon.ply.gz",
            None,
            "8aa449f1966cbb50e5896ecc32cf57ab5f0cdfd3c3e37d3e6f60b948997da5c1",
        ),
        _shape(
            "lucy.ply",
            f"{_STANFORD}/data/3Dscanrep/lucy.tar.gz",
            None,
            "c4beb1f7bfa965643bbbf889bd1849a4b4b955e95c731941be61e6edac65616a",
            "lucy.ply",
        ),
        _shape(
            "bun_zipper.ply",
            f"{_STANFORD}/pub/3Dscanrep/bunny.tar.gz",
            None,
            "a5720bd96d158df403d153381b8411a727a1d73cff2f33dc9b212d6f75455b84",
            "bunny/reconstruction/bun_zipper.ply",
        ),
        _shape(
            "Armadillo.ply",
            f"{_STANFORD}/pub/3Dscanrep/armadillo/Armadillo.ply.gz",
            None,
            "8b9b56cc36e66d54429b1e1e75bd89e833645bfe0dc7c1afd1205877a7356a3f",
        ),
        _shape(
            "happy_vrip.ply",
            f"{_STANFORD}/pub/3Dscanrep/happy/happy_recon.tar.gz",
            None,
            "409cd294efbfd8244e15a382b95a9423f153b7776e736c9b09f19ec9d3c10ed0",
            "happy_recon/happy_vrip.ply",
        ),
        _shape(
            "dragon.mat",
            f"{_FR}/%20dragon.mat.zip",
            "52588f185fecec6e3fac194ef1d77a21ad53b9b3761d425e80899794e62e7cc8",
            "946ca83a7e4aad3cfcdaed7004b0603a3267b81f4bdb3e9bd583ea2991309736",
            " dragon.mat",  # the blank belongs to the name
        ),
        _shape(
            "thai_statue.mat",
            f"{_FR}/thai_statue.mat.zip",
            "ff29ff642d037e055a8797769cb9b8eeb32ec09bc7918642a18718440c0889f5",
            "2b4f23005e73bd017e370d85ee0faa427c9d0c50cc5f577a7dff45d8e35957f1",
            "thai_statue.mat",
        ),
        _shape(
            "stanford-bunny.obj",
            f"{_MODELS}/data/stanford-bunny.obj",
            "1eb35d1e21ce99e5ce911353b6be278990713448dd9e8f5c9387f9de39b32205",
        ),
        _shape(
            "spot.obj",
            f"{_MODELS}/data/spot.obj",
            "0738b5e8608fed74e5e8c7aa8dd0af97b4b74f9f6cbf7aac84cd7e40b2e44a75",
        ),
    ),
}
