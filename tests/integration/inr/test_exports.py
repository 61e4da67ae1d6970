"""Everything that a network leaves as is run, and gives what `predict` gives.

GLSL is run by a browser where there is one, and always by an interpreter of the subset that is
written. PyTorch is run where it is installed:

    pip install torch && pytest -m needs_torch tests/integration/inr/test_exports.py
"""

import base64
import importlib.util
import itertools
import json
import re
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.inr import (
    ACTIVATIONS,
    ENCODINGS,
    INR,
    FourierFeatures,
    NetworkConfig,
    init,
    make_layer,
)
from optiinr_jax.inr.exports import ExportError
from optiinr_jax.inr.exports.onnx_model import onnx_bytes
from optiinr_jax.inr.exports.plain import plain_network
from optiinr_jax.inr.exports.pytorch import write_torch
from optiinr_jax.inr.exports.shaders import GLSL, shader_text
from optiinr_jax.inr.lowering import lower
from optiinr_jax.inr.reparameterization import fourier_basis
from optiinr_jax.inr.task import resolve
from tests.browser import ask_page
from tests.plain_networks import apply_plain
from tests.shader_interpreter import compile_glsl

TOLERANCE = 1e-4
SIZES = {"image": (12, 16), "audio": 300, "volume": (10, 8, 6)}
OTHERS = {  # name -> kind, shape of its samples, attributes
    "video": ("video", (5, 12, 16, 3), {"frame_rate": 5.0}),
    "series": ("field", (60, 1), {}),
    "stereo": ("audio", (300, 2), {"sample_rate": 8000.0}),
    "field": ("field", (6, 8, 10, 1), {}),
    "points in a plane": ("points", (40, 2), {}),
    "field of vectors in time": ("field", (4, 5, 6, 7, 2), {}),
    "map": ("field", (12, 16, 1), {"spacing_0": 1.0, "spacing_1": 1.5}),
}
FOURIER = FourierFeatures(sigma=2.0, num_frequencies=12)
ENCODED = NetworkConfig(layers=(make_layer("relu"),) * 3, width=12, encoding=FOURIER)
SMALL = oi.inr.FourierReparameterization(num_low=8, num_high=8, num_phases=4)
KINDS_OF_NETWORK = {  # name -> configuration for a kind of signal
    "sine": lambda kind: oi.preset("siren", modality=kind, width=12),
    "complex wavelet": lambda kind: oi.preset("wire", modality=kind, width=15),
    "gaussian": lambda kind: oi.preset("gauss", modality=kind, width=12),
    "Fourier-encoded ReLU": lambda kind: ENCODED,
    "FR": lambda kind: replace(oi.preset("fr", modality=kind, width=13), reparameterization=SMALL),
}
CASES = [(kind, name) for kind in SIZES for name in KINDS_OF_NETWORK]


def noise(shape):
    return np.random.default_rng(0).uniform(size=shape).astype("f4")


def other_signal(name):
    kind, shape, attributes = OTHERS[name]
    if kind == "points":
        return oi.make_points(noise(shape), noise(shape[:1]))
    return oi.make_signal(kind, noise(shape), attributes=attributes)


def make_signal(kind):
    rng = np.random.default_rng(0)
    size = SIZES[kind]
    if kind == "image":
        return oi.make_signal("image", rng.uniform(size=(*size, 3)).astype("f4"))
    if kind == "audio":
        return oi.sample_signal("audio", size)
    return oi.make_signal("volume", rng.uniform(size=(*size, 1)) > 0.6)


def random_variables(config, *, num_dims=2, num_channels=3):
    """As `init` draws them, but without a program to be compiled for each network."""
    shapes = jax.eval_shape(
        partial(init, config=config, num_dims=num_dims, num_channels=num_channels),
        jax.random.key(0),
    )
    rng = np.random.default_rng(3)
    lowered = lower(config, num_dims)
    bounds = {f"hidden_{i}": float(layer.weight_bound) for i, layer in enumerate(lowered.layers)}
    bounds["output"] = float(lowered.output_weight_bound)
    variables = jax.tree.map_with_path(
        lambda path, leaf: jnp.float32(
            bounds.get(path[1].key.removesuffix("_orthogonal"), 0.5)
            * rng.uniform(-1.0, 1.0, leaf.shape)
        ),
        shapes,
    )
    if config.reparameterization is not None:
        basis = fourier_basis(config.reparameterization, config.width)
        variables["constants"]["fourier_basis"] = basis
        norms = np.linalg.norm(basis, axis=1)[:, None]
        for i in range(1, config.depth):
            variables["params"][f"hidden_{i}"]["kernel"] /= norms
    return variables


@pytest.fixture(scope="module")
def cases():
    """Networks of every kind for every signal, coordinates, and what `predict` says there."""
    found = {}
    for kind, name in CASES:
        inr = network_of(make_signal(kind), KINDS_OF_NETWORK[name](kind))
        found[kind, name] = predicted(inr)
    return found


def network_of(signal, config):
    signal, config, _ = resolve(signal, config, None)
    sizes = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
    return INR(config, random_variables(config, **sizes), signal.frame)


def predicted(inr):
    """The network, coordinates, and its values there."""
    shape = (1000, inr.frame.num_dims)
    coords = np.random.default_rng(1).uniform(-1.0, 1.0, shape).astype("f4")
    return inr, coords, inr.predict(coords)


@pytest.fixture(scope="module")
def others():
    """A network of every other kind of signal, in turns of the kinds of network."""
    found = {}
    for name, config in zip(OTHERS, itertools.cycle(KINDS_OF_NETWORK.values())):
        signal = other_signal(name)
        found[name] = predicted(network_of(signal, config("image")))
    return found


@pytest.fixture(scope="module")
def rows():
    """A plain network for every activation and encoding, and its values in double precision.

    Between two activations lies a sine, so that complex and real layers follow one another.
    """
    sine, found = make_layer("siren"), {}
    configs = {
        name: NetworkConfig(layers=(make_layer(name), sine, make_layer(name)), width=6)
        for name in ACTIVATIONS
    }
    configs |= {
        f"encoding {name}": NetworkConfig(
            layers=(sine,), width=6, encoding=row(num_frequencies=3, **EXTRA.get(name, {}))
        )
        for name, row in ENCODINGS.items()
    }
    complex_layer = make_layer("wire_complex")
    configs["complex after complex"] = NetworkConfig(layers=(complex_layer,) * 2, width=6)
    configs["a sigmoid"] = NetworkConfig(layers=(sine,), width=6, output_activation="sigmoid")
    coords = np.random.default_rng(2).uniform(-1.0, 1.0, (200, 2)).astype("f4")
    for name, config in configs.items():
        network = plain_network(config, random_variables(config))
        found[name] = network, coords, apply_plain(network, coords)
    return found


EXTRA = {"fourier": {"sigma": 1.0}}


def assert_close(got, expected, tolerance=TOLERANCE):
    assert got.shape == expected.shape and np.abs(got - expected).max() <= tolerance


def test_plain_form_is_the_network_in_double_precision(cases, others):
    for inr, coords, expected in [*cases.values(), *others.values()]:
        assert_close(apply_plain(plain_network(inr.config, inr.variables), coords), expected)


def test_onnx(cases, others, rows, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")

    def run(model, coords):
        return runtime.InferenceSession(model).run(["values"], {"coords": coords})[0]

    for inr, coords, expected in [*cases.values(), *others.values()]:
        assert_close(run(inr.to_onnx(tmp_path / "a.onnx").read_bytes(), coords), expected)
    for network, coords, expected in rows.values():
        assert_close(run(onnx_bytes(network, "a network"), coords), expected)


def test_glsl_by_the_interpreter(cases, others, rows):
    for inr, coords, expected in [*cases.values(), *others.values()]:
        assert_close(compile_glsl(inr.to_glsl())(coords), expected)
    for network, coords, expected in rows.values():
        assert_close(compile_glsl(shader_text(network, GLSL, "a network", ""))(coords), expected)


def load_module(path):
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


@pytest.mark.needs_torch
def test_torch(cases, others, rows, tmp_path):
    torch = pytest.importorskip("torch")

    def run(path, coords):
        network = load_module(path)
        assert isinstance(network, torch.nn.Module)
        points = torch.tensor(coords, requires_grad=True)
        values = network(points)
        values.sum().backward()
        assert torch.isfinite(points.grad).all()
        return values.detach().numpy()

    for inr, coords, expected in [*cases.values(), *others.values()]:
        assert_close(run(inr.to_torch(tmp_path / "a.py"), coords), expected)
    for network, coords, expected in rows.values():
        path = write_torch(network, tmp_path / "b.py", "a network", "")
        assert_close(run(path, coords), expected)


def test_torch_file_is_whole_without_torch(cases, tmp_path):
    """It compiles, its lines are short, and the weights are those of the network."""
    from safetensors.numpy import load_file

    for inr, _, _ in cases.values():
        path = inr.to_torch(tmp_path / "a.py")
        text = path.read_text()
        compile(text, str(path), "exec")
        assert "optiinr_jax" not in text and max(map(len, text.splitlines())) <= 100
        weights = load_file(tmp_path / "a.safetensors")
        modules = dict(re.findall(r"self\.(\w+) = nn\.Linear\((\d+, \d+)\)", text))
        shapes = {name: f"{weights[f'{name}.weight'].shape[::-1]}"[1:-1] for name in modules}
        assert shapes == modules and len(weights) == 2 * len(modules)
        plain = plain_network(inr.config, inr.variables)
        np.testing.assert_array_equal(weights["output.weight"].T, plain.layers[-1].kernel)


RUN_TEXTS = (Path(__file__).parent / "run_shaders.js").read_text()


@pytest.mark.needs_chromium
def test_glsl_and_wgsl_in_a_browser(cases, others, tmp_path):
    some = {
        f"{kind} {name}": cases[kind, name]
        for name, kind in zip(
            KINDS_OF_NETWORK, ["image", "image", "audio", "volume", "volume"], strict=True
        )
    } | others
    texts = {}
    for name, (inr, coords, values) in some.items():
        points = np.zeros((1024, 4), "<f4")
        points[: len(coords), : coords.shape[1]] = coords
        sizes = {"num_dims": coords.shape[1], "num_channels": values.shape[1]}
        data = base64.b64encode(points.tobytes()).decode()
        texts[name] = {**sizes, "glsl": inr.to_glsl(), "wgsl": inr.to_wgsl(), "points": data}
    page = f"<!doctype html><script>const cases = {json.dumps(texts)};\n{RUN_TEXTS}</script>"
    answer = ask_page(page, tmp_path)
    assert set(answer) == set(some)
    for name, (_, coords, expected) in some.items():
        for language in ("glsl", "wgsl"):
            text = answer[name][language]
            if text == "no WebGPU" and language == "wgsl":
                continue
            assert re.fullmatch(r"[\w+/=]*", text), f"{name}: {text}"
            values = np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 4)
            assert_close(values[: len(coords), : expected.shape[1]], expected)


PROBE = """<script>
const drawn = async () => {
  await new Promise((later) => setTimeout(later, 50));
  while (canvas.dataset.state === "drawing") await new Promise((later) => setTimeout(later, 50));
  return canvas.toDataURL();
};
(async () => {
  const shown = [await drawn()];
  const menu = document.querySelector("select");
  for (let i = 1; menu && i < menu.length; i++) {
    menu.selectedIndex = i;
    menu.dispatchEvent(new Event("change"));
    shown.push(await drawn());
  }
  let later = null;
  if (facts.time !== null) {
    document.querySelector("button").click();
    await new Promise((later) => setTimeout(later, 500));
    document.querySelector("button").click();
    later = await drawn();
  }
  const values = context ? Array.from(valuesAt(context, POINTS)) : [];
  const problem = document.getElementById("problem").textContent;
  const wide = document.documentElement.scrollWidth > innerWidth;
  fetch("/answer", {method: "POST", body: JSON.stringify({shown, later, values, problem, wide})});
})();
</script>"""


def pixels_of(url):
    shown = Image.open(BytesIO(base64.b64decode(url.split(",")[1])))
    return np.asarray(shown.convert("RGB"), np.float64)


def plane_of(inr, axes, size, time=None):
    """What the network has on a plane through the middle, or at a time, as levels of 255."""
    frame = inr.frame
    coords = np.zeros((*size, frame.num_dims), np.float32)
    for axis, n in enumerate(frame.shape):
        place = float(n // 2 if time is None else time)
        if axis in axes:
            k = axes.index(axis)
            place = (np.arange(size[k]) + 0.5) * n / size[k] - 0.5
            place = place.reshape((-1, 1) if k == 0 else (1, -1))
        coords[..., axis] = 2.0 * place / (n - 1) - 1.0
    low, high = frame.natural_range
    values = (inr.predict(coords) - low) / (high - low)
    values = values if frame.kind in ("image", "video") else values[..., :1]
    return np.broadcast_to(np.clip(255.0 * values, 0.0, 255.0), (*size, 3))


PLANES = {  # what is drawn first, and then by the menu
    "image": [(0, 1)],
    "map": [(0, 1)],
    "video": [(1, 2)],
    "field of vectors in time": [(2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1)],
}


@pytest.mark.needs_chromium
@pytest.mark.parametrize(
    "name", [*SIZES, "video", "map", "series", "field of vectors in time", "stereo"]
)
def test_the_page_shows_what_render_gives(name, cases, others, tmp_path, monkeypatch):
    inr, coords, expected = others[name] if name in OTHERS else cases[name, "sine"]
    if name in OTHERS:  # drawn small, which is quick
        monkeypatch.setattr("optiinr_jax.inr.exports.page._LONGEST", 160)
    if name == "volume":  # a surface to be seen
        output = {**inr.params["output"], "bias": inr.params["output"]["bias"] + 0.5}
        inr = inr.with_params({**inr.params, "output": output})
        expected = inr.predict(coords)
    page = inr.to_html(tmp_path / "a.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    points = f"Float32Array.from({json.dumps(coords.ravel().astype(float).tolist())})"
    answer = ask_page(page + PROBE.replace("POINTS", points), tmp_path)
    assert answer["problem"] == "" and not answer["wide"]
    assert_close(np.float32(answer["values"]).reshape(expected.shape), expected)
    shown = [pixels_of(url) for url in answer["shown"]]
    if name in PLANES:
        for pixels, axes in zip(shown, PLANES[name], strict=True):
            assert max(pixels.shape) >= 10 * max(inr.frame.shape[axis] for axis in axes)
            time = 0 if name == "video" else None
            assert np.abs(pixels - plane_of(inr, axes, pixels.shape[:2], time)).max() <= 1.0
            assert np.ptp(pixels) > 8
    else:
        (pixels,) = shown
        assert 0.01 < np.mean(np.abs(pixels - pixels[0, 0]).max(axis=-1) > 8) < 0.9
    if name == "video":  # it plays
        assert np.abs(pixels_of(answer["later"]) - shown[0]).max() > 8
    if name == "map":  # a step to the right is 1.5 times one down
        assert shown[0].shape[1] / shown[0].shape[0] == pytest.approx(1.5 * 16 / 12, abs=0.02)


def test_what_cannot_leave_says_so(cases, tmp_path, monkeypatch):
    inr, _, _ = cases["image", "sine"]
    with pytest.raises(ValueError, match=r"a.txt does not end in \.py"):
        inr.to_torch(tmp_path / "a.txt")
    many = oi.make_points(noise((40, 5)), noise((40,)))
    with pytest.raises(ExportError, match=r"5 dimensions, but a shader, and a page"):
        network_of(many, oi.preset("siren", modality="points", width=4)).to_html(
            tmp_path / "a.html"
        )
    monkeypatch.setattr("optiinr_jax.inr.exports.shaders.MAX_CONSTANTS", 10)
    with pytest.raises(ExportError, match="more than the 40 that the text of a shader can hold"):
        inr.to_glsl()
    monkeypatch.setattr("optiinr_jax.inr.exports.plain.ENCODING_FORMS", {})
    with pytest.raises(ExportError, match="the encoding FourierFeatures cannot be exported"):
        cases["image", "Fourier-encoded ReLU"][0].to_wgsl()
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_how_to_get_it(cases, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ExportError, match=r"onnx is missing.*pip install 'optiinr-jax\[onnx\]'"):
        cases["image", "sine"][0].to_onnx(tmp_path / "a.onnx")


def test_a_trained_network_leaves_too(tmp_path):
    """After training, and from a file."""
    signal = oi.sample_signal("image", size=16)
    config = oi.preset("finer", width=16, protocol="search", factor=4.0)
    inr = oi.fit(signal, config, num_steps=60, progress=False, warn=False)
    again = oi.load_inr(inr.save(tmp_path / "a.inr.safetensors"))
    coords = np.asarray(signal.grid_coords())
    assert_close(compile_glsl(again.to_glsl())(coords), inr.predict(coords))
