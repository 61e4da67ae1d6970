"""What docs/design.md says of adding: one file and one row each, and everything else has it.

Every one is written into a module of its own, outside the package, and used at once.
"""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import landscapes
from optiinr_jax.inr import ACTIVATIONS, ENCODINGS, OPTIMIZERS, PRESETS, SAMPLINGS, make_layer
from optiinr_jax.inr import presets as presets_module
from optiinr_jax.inr import sampling as sampling_module
from optiinr_jax.inr.published import Preset
from optiinr_jax.signals import KINDS, load_signal, write_samples
from optiinr_jax.studies import STRATEGIES, Strategy
from optiinr_jax.studies.points import FAMILIES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning"),
]


@pytest.fixture
def write_module(tmp_path):
    """A module of a user, from its text."""

    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("mine", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return write


@pytest.fixture(scope="module")
def picture():
    return oi.sample_signal("image", size=8)


def fit(signal, config, num_steps=30, **options):
    return oi.fit(signal, config, num_steps=num_steps, progress=False, **options)


def goes_round(inr, tmp_path):
    """Saved and loaded, it gives the same values."""
    again = oi.load_inr(inr.save(tmp_path / "a.inr.safetensors"))
    assert again.config == inr.config and "Network" not in repr(again)
    np.testing.assert_array_equal(again.render(), inr.render())
    return again


ACTIVATION = '''
import jax.numpy as jnp
from optiinr_jax.inr import Activation

def hat(z, slope):
    """A triangle about 0."""
    return jnp.maximum(0.0, 1.0 - jnp.abs(slope * z))

HAT = Activation(formula=hat, defaults={"slope": 2.0}, bounds={"slope": (0.5, 8.0)})
'''


@pytest.mark.integration
def test_an_activation(write_module, monkeypatch, picture, tmp_path):
    """Fitted, stored, in a space, searched for: by its name."""
    monkeypatch.setitem(ACTIVATIONS, "hat", write_module(ACTIVATION).HAT)
    layers = (make_layer("hat", learning_rate=1e-2), make_layer("siren", learning_rate=1e-3))
    inr = fit(picture, oi.inr.NetworkConfig(layers=layers, width=8, sampling="grid"))
    assert inr.history[-1] < inr.history[0]
    assert goes_round(inr, tmp_path).config.layers[0].numbers == {"slope": 2.0}
    monkeypatch.setitem(FAMILIES, "image", ("siren", "hat"))
    space = oi.inr_space("image", depth=1)
    assert space.dimensions["slope_1_hat"].high == 8.0
    study = oi.create_study(picture, width=8, depth=1, num_steps=20, strategy="random")
    seen = set()
    for _ in range(12):
        asked = study.ask()
        seen.add(asked.config.layers[0].activation)
        study.tell(asked, 1.0)
    assert seen == {"siren", "hat"}
    row = Preset(activation="hat", source="mine", learning_rate=1e-2, num_steps=100)
    monkeypatch.setitem(PRESETS["image"], "hat", row)
    assert oi.preset("hat", width=4, depth=2).layers[1].activation == "hat"


ENCODING = '''
from dataclasses import dataclass, field
import jax, jax.numpy as jnp

@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Powers:
    """The coordinates and their powers."""
    stretch: float = 1.0
    num_frequencies: int = field(default=3, metadata={"static": True})

    def num_features(self, num_dims):
        return num_dims * self.num_frequencies

    def draw(self, key, num_dims):
        return {}

    def __call__(self, coords, constants):
        powers = [(self.stretch * coords) ** (i + 1) for i in range(self.num_frequencies)]
        return jnp.concatenate(powers, axis=-1)
'''


@pytest.mark.integration
def test_an_encoding(write_module, monkeypatch, picture, tmp_path, no_type_checks):
    """Its numbers are leaves, its name goes into a configuration's JSON."""
    powers = write_module(ENCODING).Powers
    monkeypatch.setitem(ENCODINGS, "powers", powers)
    config = oi.inr.NetworkConfig(
        layers=(make_layer("siren", learning_rate=1e-3),),
        width=8,
        encoding=powers(stretch=0.5),
        sampling="grid",
    )
    record = json.loads(json.dumps(config.to_json()))
    assert record["encoding"] == {"name": "powers", "stretch": 0.5, "num_frequencies": 3}
    assert oi.inr.NetworkConfig.from_json(record) == config
    inr = fit(picture, config)
    assert inr.params["hidden_0"]["kernel"].shape == (6, 8)
    goes_round(inr, tmp_path)


@pytest.mark.integration
def test_an_optimiser_and_a_sampling(write_module, monkeypatch, picture):
    """As names of a configuration, in checks, in a training and in the wave form."""
    module = write_module(
        """
import jax.numpy as jnp
import optax

def rms():
    return optax.scale_by_rms()

def corners(key, points, index, grid_share):
    index = jnp.arange(points.num_points) if index is None else index
    return points.between(points.places_of(index) + 0.5)
"""
    )
    monkeypatch.setitem(OPTIMIZERS, "rms", module.rms)
    monkeypatch.setitem(SAMPLINGS, "corners", module.corners)
    layer = make_layer("siren", learning_rate=1e-3)
    config = oi.inr.NetworkConfig(layers=(layer,), width=8, optimizer="rms", sampling="corners")
    for share_program in (True, False):
        inr = fit(picture, config, share_program=share_program)
        assert inr.history[-1] < inr.history[0] and inr.objective == "continuous"


STRATEGY = '''
def first_options(space, settings, known):
    """The first option of every choice, and numbers that rise with the trials."""
    unit = (known.number % 7) / 7
    point = {n: d.options[0] if hasattr(d, "options") else d.from_unit(unit)
             for n, d in space.dimensions.items()}
    return {name: point[name] for name in space.active(point)}
'''


@pytest.mark.integration
def test_a_strategy(write_module, monkeypatch, picture):
    """By its name in a search, trained and confirmed."""
    module = write_module(STRATEGY)
    monkeypatch.setitem(STRATEGIES, "first_options", Strategy(module.first_options))
    study = oi.search(
        picture,
        num_trials=12,
        num_initial=2,
        num_steps=300,
        width=8,
        depth=1,
        strategy="first_options",
        max_failures=99,
        progress=False,
    )
    own = [trial for trial in study.trials if trial.origin.kind in ("design", "proposed")]
    assert own and {trial.point["activation_1"] for trial in own} == {"siren"}


KIND = """
import dataclasses
import numpy as np
from pathlib import Path
from optiinr_jax.signals import metrics
from optiinr_jax.signals.kinds import Samples, SignalKind

def read(path, size, limit):
    table = np.loadtxt(path)
    table = table if size is None else table[:size, :size]
    return Samples(table[..., None], {})

def write(path, values, attributes):
    np.savetxt(path, values[..., 0])
    return Path(path)

HEIGHTS = SignalKind(
    axes=("north", "east"),
    coord_range=(-1.0, 1.0),
    natural_range=(0.0, 1.0),
    value_range=(-1.0, 1.0),
    channels=(1,),
    max_points=10**6,
    edge=-0.5,
    interpolation="cubic",
    metric=metrics.PSNR,
    suffixes=(".txt",),
    suffix=".txt",
    shown_suffix=".txt",
    fit_size=32,
    search_size=32,
    read=read,
    sample=lambda size, limit: Samples(
        np.outer(np.linspace(0, 1, size or 16), np.linspace(0, 1, size or 16))[..., None], {}
    ),
    write=write,
)
"""


@pytest.mark.integration
def test_a_kind_of_signal(write_module, monkeypatch, tmp_path):
    """Read, sampled, fitted between its samples, stored, written, evaluated, searched."""
    monkeypatch.setitem(KINDS, "heights", write_module(KIND).HEIGHTS)
    signal = oi.sample_signal("heights", 9)
    path = write_samples(tmp_path / "a.txt", signal.samples, signal.frame)
    loaded = load_signal(path)
    np.testing.assert_allclose(loaded.samples, signal.samples, atol=1e-6)
    layer = make_layer("siren", omega=3.0, learning_rate=1e-2)
    inr = fit(loaded, oi.inr.NetworkConfig(layers=(layer,), width=8), num_steps=60)
    assert inr.config.sampling == "shifted" and inr.scores.control_name == "linear"
    assert inr.render(2.0).shape == (18, 18, 1)
    again = goes_round(inr, tmp_path)
    assert again.evaluate(loaded)["PSNR (dB)"] == pytest.approx(inr.scores.samples, abs=1e-3)
    # To be searched it needs the families of its space and its published networks.
    monkeypatch.setitem(FAMILIES, "heights", ("siren",))
    monkeypatch.setitem(PRESETS, "heights", {"siren": PRESETS["image"]["siren"]})
    monkeypatch.setitem(presets_module.PAPER, "heights", {})
    study = oi.create_study(loaded, width=8, depth=1, strategy="random", num_steps=20)
    asked = study.ask()
    assert study.trials[0].preset.startswith("siren") and asked.config.sampling == "shifted"
    told = replace(inr, config=asked.config, num_steps=20)
    assert study.tell(asked, told).score == inr.score


LANDSCAPE = '''
import jax
import jax.numpy as jnp
from optiinr_jax.landscapes import Encoder

def _init(key, observed, code):
    return [{"w": jax.random.normal(key, (observed[0], code))}]

MEANS = Encoder(_init, lambda layers, target: jnp.tanh(target @ layers[0]["w"]))

def steps(key, shape):
    """Up or down by 1."""
    return jax.random.rademacher(key, shape, jnp.float32)

def size(landscape, x, key):
    """Square of the estimate."""
    return landscape(x) ** 2
'''


def test_an_encoder_a_noise_and_a_penalty_of_landscapes(write_module, monkeypatch):
    mine = write_module(LANDSCAPE)
    monkeypatch.setitem(landscapes.ENCODERS, "means", mine.MEANS)
    monkeypatch.setitem(landscapes.NOISES, "steps", mine.steps)
    monkeypatch.setitem(landscapes.PENALTIES, "size", mine.size)
    x = np.linspace(0.0, 1.0, 32)[:, None]
    trained = landscapes.train_proxies(
        landscapes.Runs(x, np.hstack([x, x**2])),
        [0.05],
        config=landscapes.ProxyConfig(encoder="means", width=8, num_frequencies=4),
        training=landscapes.ProxyTraining(num_steps=200, noise="steps", penalty="size"),
        penalty_weight=1e-3,
        progress=False,
    )
    assert trained.history[-20:].mean() < 0.5 * trained.history[:20].mean()


def test_every_table_by_kind_has_the_same_kinds():
    """Or a search of a new kind ends in the middle, where a row is missing."""
    from optiinr_jax.report.page import GALLERIES

    tables = {
        "PRESETS": PRESETS,
        "PAPER": presets_module.PAPER,
        "FAMILIES": FAMILIES,
        "GALLERIES": GALLERIES,
    }
    for name, table in tables.items():
        assert set(table) == set(KINDS), name
    assert set(sampling_module._CONTINUOUS) <= set(KINDS)
    for kind, families in FAMILIES.items():
        assert set(families) <= set(ACTIVATIONS), kind
