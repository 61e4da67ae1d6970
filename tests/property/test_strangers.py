"""Files that a stranger hands in: an error sentence or something valid, never a crash or a hang.

OPTIINR_MUTATIONS=10000 mutates every file as often; by default 150 times, for the sake of time.
"""

import json
import os
import pickle
import signal as signals_of_the_system
import struct
import time
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import trimesh
from safetensors.numpy import save

import optiinr_jax as oi
from optiinr_jax.inr import ModelFileError
from optiinr_jax.signals import Signal, SignalError, load_signal, write_samples

NUM_MUTATIONS = int(os.environ.get("OPTIINR_MUTATIONS", "150"))
MAX_SECONDS = 20  # for one file; they take milliseconds
MAX_GROWTH = 2**30  # bytes of memory that all mutations of one file may add
HOSTILE = [0, 1, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bits, bytes, hostile lengths, pieces cut out, doubled or strange."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if not data:
            break
        place = int(rng.integers(len(data) if rng.random() < 0.5 else min(len(data), 256)))
        size = int(rng.integers(1, 64))
        match rng.integers(7):
            case 0:
                data[place] ^= 1 << int(rng.integers(8))
            case 1:
                data[place] = int(rng.integers(256))
            case 2:
                number = HOSTILE[rng.integers(len(HOSTILE))]
                kind = "<>"[rng.integers(2)] + "IQ"[rng.integers(2)]
                data[place : place + struct.calcsize(kind)] = struct.pack(
                    kind, number % 2 ** (8 * struct.calcsize(kind))
                )
            case 3:
                del data[place : place + size]
            case 4:
                del data[place:]
            case 5:
                data[place:place] = data[place : place + size]
            case 6:
                data[place : place + size] = rng.bytes(size)
    return bytes(data)


@contextmanager
def bounded(seconds: float = MAX_SECONDS):
    """Raise where something hangs."""

    def stop(*_):
        raise TimeoutError(f"it took more than {seconds} seconds")

    before = signals_of_the_system.signal(signals_of_the_system.SIGALRM, stop)
    signals_of_the_system.setitimer(signals_of_the_system.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signals_of_the_system.setitimer(signals_of_the_system.ITIMER_REAL, 0)
        signals_of_the_system.signal(signals_of_the_system.SIGALRM, before)


def peak_memory() -> int:
    resource = pytest.importorskip("resource", reason="not on this system")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An intact file of every kind that is read."""
    folder = tmp_path_factory.mktemp("whole")
    picture, sound = oi.sample_signal("image", size=(9, 12)), oi.sample_signal("audio", 800)
    solid = oi.sample_signal("volume", 8)
    for name in ("a.png", "a.jpg", "a.tif"):
        write_samples(folder / name, picture.samples, picture.frame)
    for name in ("a.wav", "a.flac", "a.ogg"):
        write_samples(folder / name, sound.samples, sound.frame)
    write_samples(folder / "a.npz", solid.samples, solid.frame)
    np.save(folder / "a.npy", solid.samples[..., 0] >= 0.5)
    ball = trimesh.creation.icosphere(1)
    for name in ("a.ply", "a.obj", "a.stl", "a.glb", "a.off"):
        ball.export(folder / name)
    (folder / "b.ply").write_bytes(
        trimesh.exchange.ply.export_ply(ball, encoding="ascii", vertex_normal=False)
    )
    inr = oi.fit(picture, oi.preset("siren", width=6, depth=1), num_steps=1, warn=False)
    inr.save(folder / "a.inr.safetensors")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


SIGNALS = [
    *("a.png", "a.jpg", "a.tif", "a.wav", "a.flac", "a.ogg", "a.npz", "a.npy"),
    *("a.ply", "b.ply", "a.obj", "a.stl", "a.glb", "a.off"),
]


def is_valid(signal: Signal) -> bool:
    values = signal.values
    return bool(np.isfinite(values).all()) and signal.num_points == len(values)


@pytest.mark.integration
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.filterwarnings("ignore")
def test_mutated_signals_give_a_signal_or_a_sentence(name, whole, tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / name
    outcomes = {"read": 0, "refused": 0}
    path.write_bytes(whole[name])
    size = 12 if load_signal(path, 12).num_dims == 3 else None  # a mesh has no grid of its own
    start = peak_memory()
    for i in range(NUM_MUTATIONS):
        path.write_bytes(mutate(whole[name], rng))
        try:
            with bounded():
                signal = load_signal(path, size, max_points=100_000)
        except SignalError as error:
            assert str(error) and "\n" not in str(error), (i, error)
            outcomes["refused"] += 1
        else:
            assert is_valid(signal), i
            outcomes["read"] += 1
    assert outcomes["refused"] > 0 and sum(outcomes.values()) == NUM_MUTATIONS
    assert peak_memory() - start < MAX_GROWTH


@pytest.mark.integration
def test_mutated_models_are_refused_or_the_same(whole, tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "a.inr.safetensors"
    content = whole["a.inr.safetensors"]
    path.write_bytes(content)
    intact = oi.load_inr(path)
    coords = intact.frame.grid_coords()
    expected, start = intact.predict(coords), peak_memory()
    for i in range(NUM_MUTATIONS):
        changed = mutate(content, rng)
        path.write_bytes(changed)
        try:
            with bounded():
                inr = oi.load_inr(path)
        except ModelFileError as error:
            assert str(error) and "\n" not in str(error), (i, error)
        else:  # nothing that counts has changed
            np.testing.assert_array_equal(inr.predict(coords), expected)
    assert peak_memory() - start < MAX_GROWTH


def rewrite(content: bytes, change) -> bytes:
    """The file with another header, whose length is right."""
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def edit_config(edit):
    def change(header):
        config = json.loads(header["__metadata__"]["config"])
        edit(config)
        header["__metadata__"]["config"] = json.dumps(config)

    return change


def edit_frame(edit):
    def change(header):
        frame = json.loads(header["__metadata__"]["frame"])
        edit(frame)
        header["__metadata__"]["frame"] = json.dumps(frame)

    return change


def set_shape(header):
    name = next(key for key in header if key != "__metadata__")
    header[name]["shape"] = [2**40, 2**20]


CRAFTED = {
    "empty": lambda c: b"",
    "header of exabytes": lambda c: struct.pack("<Q", 2**62) + c[8:],
    "header beyond the end": lambda c: struct.pack("<Q", len(c)) + c[8:],
    "truncated": lambda c: c[: len(c) // 2],
    "one bit flipped in the numbers": lambda c: c[:-1] + bytes([c[-1] ^ 1]),
    "a pickle": lambda c: pickle.dumps({"params": [1.0] * 100}),
    "a zip": lambda c: b"PK\x03\x04" + c,
    "other tensors": lambda c: save({"a": np.zeros((2, 2), np.float32)}),
    "wrong shapes": lambda c: rewrite(c, set_shape),
    "unknown activation": lambda c: rewrite(
        c, edit_config(lambda config: config["layers"][0].update(activation="os.system"))
    ),
    "width of a million": lambda c: rewrite(c, edit_config(lambda x: x.update(width=10**6))),
    "width below zero": lambda c: rewrite(c, edit_config(lambda x: x.update(width=-1))),
    "a thousand layers": lambda c: rewrite(
        c, edit_config(lambda config: config.update(layers=config["layers"] * 1000))
    ),
    "grid of exapoints": lambda c: rewrite(c, edit_frame(lambda f: f.update(shape=[2**30] * 2))),
    "kind without a row": lambda c: rewrite(c, edit_frame(lambda f: f.update(kind="smell"))),
    "deep JSON": lambda c: rewrite(
        c, lambda header: header["__metadata__"].update(config="[" * 100_000)
    ),
    "other version": lambda c: rewrite(c, lambda h: h["__metadata__"].update(version="999")),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_models_are_refused_before_memory_is_allocated(case, whole, tmp_path):
    path = tmp_path / "a.inr.safetensors"
    path.write_bytes(CRAFTED[case](whole["a.inr.safetensors"]))
    before, start = peak_memory(), time.monotonic()
    with bounded(), pytest.raises(ModelFileError) as refused:
        oi.load_inr(path)
    sentence = str(refused.value)
    assert sentence and "\n" not in sentence and len(sentence) < 500
    assert peak_memory() - before < 2**28 and time.monotonic() - start < MAX_SECONDS


def test_warnings_of_strangers_are_few(whole, tmp_path):
    """What is intact is read without a word."""
    for name in SIGNALS:
        (tmp_path / name).write_bytes(whole[name])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_signal(
                tmp_path / name, 12 if name[-3:] in ("ply", "obj", "stl", "glb", "off") else None
            )


def edit_info(name, value):
    def change(header):
        info = json.loads(header["__metadata__"]["info"])
        info[name] = value
        header["__metadata__"]["info"] = json.dumps(info)

    return change


ODD = ["nan", None, True, [1.0], {"a": 1}, 10**400, -1, 2**53, 1e400, "\x1b[2J", [[]] * 3]


def sealed(content: bytes, change) -> bytes:
    """The file with another header and the digest that goes with it, as its maker would have it."""
    from safetensors.numpy import load

    from optiinr_jax.sealed import digest_of

    def seal(header):
        change(header)
        texts = header["__metadata__"]
        texts["sha256"] = digest_of(load(content), texts)

    return rewrite(content, seal)


@pytest.mark.integration
@pytest.mark.parametrize("value", ODD, ids=[f"{v!r:.12}" for v in ODD])
def test_facts_of_any_type_are_refused_or_shown(value, whole, tmp_path, no_type_checks):
    path = tmp_path / "a.inr.safetensors"
    changes = [
        *(edit_info(name, value) for name in ("score", "num_steps", "seed", "objective", "scores")),
        edit_info("scores", dict.fromkeys(["both", "samples", "between", "control"], value)),
        *(
            edit_config(lambda c, n=name: c.update({n: value}))
            for name in json.loads(config_text(whole))
        ),
        edit_config(lambda c: c["layers"][0].update({k: value for k in c["layers"][0]})),
        *(
            edit_config(lambda c, k=key: c["layers"][0].update({k: value}))
            for key in json.loads(config_text(whole))["layers"][0]
        ),
        *(
            edit_frame(lambda f, n=name: f.update({n: value}))
            for name in ("kind", "shape", "num_channels", "value_range", "attributes")
        ),
    ]
    for change in changes:
        path.write_bytes(sealed(whole["a.inr.safetensors"], change))
        try:
            inr = oi.load_inr(path)
        except ModelFileError as error:
            assert "\n" not in str(error)
        else:
            assert "\x1b" not in repr(inr) and inr._repr_html_()


def config_text(whole) -> str:
    content = whole["a.inr.safetensors"]
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length])["__metadata__"]["config"]
