"""Everything that a network leaves as is run, and gives what `predict` gives.

GLSL is run by an interpreter of the subset that is written; test_exported_pages.py has a browser
run it. PyTorch is run where it is installed:

    pip install torch && pytest -m needs_torch tests/integration/inr/test_exports.py
"""

import importlib.util
import re

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr import ACTIVATIONS, ENCODINGS, NetworkConfig, make_layer
from optiinr_jax.inr.exports import ExportError
from optiinr_jax.inr.exports.onnx_model import onnx_bytes
from optiinr_jax.inr.exports.plain import plain_network
from optiinr_jax.inr.exports.pytorch import write_torch
from optiinr_jax.inr.exports.shaders import GLSL, shader_text
from tests.exported import assert_close, network_of, noise, random_variables
from tests.plain_networks import apply_plain
from tests.shader_interpreter import compile_glsl


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
