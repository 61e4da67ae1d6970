"""The published networks, a row each: what their authors ran, by kind of signal."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.encodings import FourierFeatures, NerfFrequencies
from optiinr_jax.inr.gradient_adjustment import GradientAdjustment
from optiinr_jax.inr.reparameterization import FourierReparameterization


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One published network.

    Attributes:
        activation: family of every layer.
        source: the code or paper whose settings these are.
        learning_rate: of its authors.
        num_steps: of its authors.
        numbers: of the family; by default the row's own.
        depth: activated layers.
        width_factor: width / nominal width; complex layers are narrower, for as many numbers.
        network: further fields of NetworkConfig that belong to the network.
        training: further fields of NetworkConfig that belong to the authors' training.
    """

    activation: str
    source: str
    learning_rate: float
    num_steps: int
    numbers: dict[str, float] = field(default_factory=dict)
    depth: int = 4
    width_factor: float = 1.0
    network: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether it is nothing but layers that the wave form knows: a point of a search."""
        return get_activation(self.activation).to_wave is not None and not self.network


_COMPLEX = 1.0 / math.sqrt(2.0)
_UNIT = {"value_range": (0.0, 1.0)}  # targets in [0, 1]
_FALL = {"lr_decay": 0.1}  # to a tenth, exponentially, over the run
_STEP = {"schedule": "step", "lr_decay": 0.1, "lr_step_at": 0.3}  # to a tenth at once
_SINE = {"omega": 30.0}

_IMAGE = {
    "siren": Preset(
        activation="siren",
        source="SIREN in FINER's image harness, run_siren.sh",
        learning_rate=5e-4,
        num_steps=5000,
        numbers=_SINE,
        training=_FALL,
    ),
    "finer": Preset(
        activation="finer",
        source="FINER, run_finer.sh",
        learning_rate=5e-4,
        num_steps=5000,
        numbers=_SINE,
        training=_FALL,
    ),
    "gauss": Preset(
        activation="gauss",
        source="Gauss in FINER's image harness, run_gauss.sh",
        learning_rate=5e-3,
        num_steps=5000,
        numbers={"sigma": 30.0},
        training=_FALL,
    ),
    "wire": Preset(
        activation="wire_complex",
        source="WIRE in FINER's image harness, run_wire.sh",
        learning_rate=5e-3,
        num_steps=5000,
        numbers={"omega": 20.0, "sigma": 10.0},
        width_factor=_COMPLEX,
        training=_FALL,
    ),
    "wire_original": Preset(
        activation="wire_complex",
        source="WIRE's own repository, image representation (sigma 30 by its remark; rate 5e-3 for "
        "up to 65 536 pixels, in proportion less beyond)",
        learning_rate=5e-3,
        num_steps=8000,  # 2 000 epochs of 512 x 512 pixels
        numbers={"omega": 20.0, "sigma": 30.0},
        depth=3,
        width_factor=_COMPLEX,
        training={**_FALL, **_UNIT, "batch_size": 65536},
    ),
    "wire2d": Preset(
        activation="wire2d",
        source="WIRE-2D, class defaults of WIRE's repository, trained as wire_original",
        learning_rate=5e-3,
        num_steps=8000,
        numbers={"omega": 10.0, "sigma": 10.0},
        depth=3,
        width_factor=0.5,
        training={**_FALL, **_UNIT, "batch_size": 65536},
    ),
    "wire_real": Preset(
        activation="wire",
        source="WIRE's real form, for networks of mixed families; trained as wire",
        learning_rate=5e-3,
        num_steps=5000,
        numbers={"omega": 20.0, "sigma": 10.0},
        training=_FALL,
    ),
    "gf": Preset(
        activation="gf",
        source="FINER++ Gauss, run.sh",
        learning_rate=1e-3,
        num_steps=5000,
        numbers={"omega": 10.0, "sigma": 3.0},
        training=_FALL,
    ),
    "wf": Preset(
        activation="wf_complex",
        source="FINER++ wavelet, run.sh",
        learning_rate=1e-3,
        num_steps=5000,
        numbers={"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0},
        width_factor=_COMPLEX,
        training=_FALL,
    ),
    "wf_real": Preset(
        activation="wf",
        source="IGA's repository, its real class WF",
        learning_rate=1e-3,
        num_steps=10000,
        numbers={"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0},
        depth=3,
        width_factor=_COMPLEX,
        training={**_STEP, **_UNIT},
    ),
    "fr": Preset(
        activation="siren",
        source="FR, sine, image script",
        learning_rate=1e-4,
        num_steps=10000,
        numbers=_SINE,
        network={"reparameterization": FourierReparameterization(alpha=0.01)},
        training={**_STEP, **_UNIT},
    ),
    "fr_relu": Preset(
        activation="relu",
        source="FR, ReLU, image script",
        learning_rate=1e-4,
        num_steps=10000,
        network={"reparameterization": FourierReparameterization(alpha=0.05)},
        training={**_STEP, **_UNIT},
    ),
    "iga": Preset(
        activation="siren",
        source="IGA, sine, image script (sides must be multiples of 32)",
        learning_rate=1e-3,
        num_steps=10000,
        numbers=_SINE,
        depth=3,
        network={"adjustment": GradientAdjustment(group=(32, 32), end=20)},
        training={**_STEP, **_UNIT},
    ),
    "pemlp": Preset(
        activation="relu",
        source="PEMLP in FINER's image harness: ReLU, 10 NeRF frequencies without pi",
        learning_rate=1e-3,
        num_steps=5000,
        network={"encoding": NerfFrequencies(num_frequencies=10, with_pi=False)},
        training={**_FALL, **_UNIT},
    ),
    "relu_nerf": Preset(
        activation="relu",
        source="FR's and IGA's ReLU with 6 NeRF frequencies, with pi",
        learning_rate=1e-3,
        num_steps=10000,
        depth=3,
        network={"encoding": NerfFrequencies(num_frequencies=6, with_pi=True)},
        training={**_STEP, **_UNIT},
    ),
    "fourier": Preset(
        activation="relu",
        source="Fourier features, image notebook (sigma 10); our grid ends at 1, theirs before it, "
        "and our initial weights are PyTorch's, theirs Glorot's",
        learning_rate=1e-3,
        num_steps=2000,
        depth=3,
        network={"encoding": FourierFeatures(sigma=10.0), "output_activation": "sigmoid", **_UNIT},
        training={"coord_range": (0.0, 1.0)},
    ),
    "coordinate_mlp": Preset(
        activation="gauss",
        source="Coordinate-MLPs, Gauss a = 0.1, 1 000 epochs of 256 x 256 pixels",
        learning_rate=1e-4,
        num_steps=64000,
        numbers={"sigma": 1.0 / (0.1 * math.sqrt(2.0))},
        depth=3,
        network={"output_activation": "sigmoid", **_UNIT},
        training={"schedule": "cosine", "lr_decay": 0.01, "batch_size": 1024},
    ),
}


def _borrowed(name: str, modality: str, **changes: Any) -> Preset:
    """An image preset for a kind of signal that its authors have no script for."""
    row = _IMAGE[name]
    source = f"no official {modality} script: as for images ({row.source})"
    fields: dict[str, Any] = {"source": source, **changes}
    return replace(row, **fields)


_AUDIO = {
    "siren": Preset(
        activation="siren",
        source="SIREN, train_audio.py (grid over [-100, 100], omega 30)",
        learning_rate=1e-4,
        num_steps=9001,
        numbers=_SINE,
    ),
    **{
        name: _borrowed(name, "audio", num_steps=10000)
        for name in ("finer", "gauss", "wire", "wire_real", "gf", "wf")
    },
    "fr": _borrowed("fr", "audio", training=_STEP),
    "iga": _borrowed(
        "iga",
        "audio",
        network={"adjustment": GradientAdjustment(group=(256,), end=20)},
        training={**_STEP, "batch_size": 16384},
    ),
}

_VOLUME_FALL = {"lr_decay": 0.2, "batch_size": 200_000}  # to a fifth, 200 passes

_VOLUME = {
    "siren": Preset(
        activation="siren",
        source="SIREN in IGA's 3-D script",
        learning_rate=5e-4,
        num_steps=63400,  # 200 passes over 41.5 M voxels
        numbers=_SINE,
        depth=3,
        training={"lr_decay": 0.1, "batch_size": 131_072},
    ),
    "gauss": Preset(
        activation="gauss",
        source="Gauss in WIRE's occupancy script",
        learning_rate=2e-3,
        num_steps=41500,
        numbers={"sigma": 30.0},
        depth=3,
        training=_VOLUME_FALL,
    ),
    "wire": Preset(
        activation="wire_complex",
        source="WIRE, wire_occupancy.py",
        learning_rate=5e-3,
        num_steps=41500,
        numbers={"omega": 10.0, "sigma": 40.0},
        depth=3,
        width_factor=_COMPLEX,
        training=_VOLUME_FALL,
    ),
    "wire_real": Preset(
        activation="wire",
        source="WIRE's real form, trained as wire",
        learning_rate=5e-3,
        num_steps=41500,
        numbers={"omega": 10.0, "sigma": 40.0},
        depth=3,
        training=_VOLUME_FALL,
    ),
    **{
        name: _borrowed(name, "volume", num_steps=41500, training=_VOLUME_FALL)
        for name in ("finer", "gf", "wf")
    },
    "fr": Preset(
        activation="siren",
        source="FR, sine, 3-D script",
        learning_rate=5e-3,
        num_steps=16600,
        numbers=_SINE,
        depth=3,
        network={
            "reparameterization": FourierReparameterization(
                num_low=256, num_high=256, num_phases=8, alpha=0.001
            )
        },
        training={"lr_decay": 0.2, "batch_size": 500_000},
    ),
    "iga": Preset(
        activation="siren",
        source="IGA, sine, 3-D script (end 13, for Thai Statue and Armadillo; 11 for Dragon)",
        learning_rate=5e-4,
        num_steps=63400,
        numbers=_SINE,
        depth=3,
        network={"adjustment": GradientAdjustment(group=(256,), end=13, sampling="middle")},
        training={"lr_decay": 0.1, "batch_size": 131_072},
    ),
    "relu_nerf": Preset(
        activation="relu",
        source="IGA's ReLU with 10 NeRF frequencies, 3-D script",
        learning_rate=2e-3,
        num_steps=63400,
        depth=3,
        network={"encoding": NerfFrequencies(num_frequencies=10, with_pi=True)},
        training={"lr_decay": 0.1, "batch_size": 131_072},
    ),
}

_BATCH = 131_072  # points of a step, where the authors' pictures fit whole
_GRIDLESS = ("siren", "finer", "gauss", "wire", "wire_real", "gf", "wf")


def _borrowed_rows(modality: str) -> dict[str, Preset]:
    """What serves any number of dimensions; mini-batches, where the authors took all pixels."""
    return {
        name: _borrowed(name, modality, training={**_IMAGE[name].training, "batch_size": _BATCH})
        for name in (*_GRIDLESS, "relu_nerf")
    }


_VIDEO = {
    **_borrowed_rows("video"),
    "siren": Preset(
        activation="siren",
        source="SIREN, train_video.py (its width is 1 024; 0.38 % of the pixels a step, here "
        "131 072)",
        learning_rate=1e-4,
        num_steps=100_000,
        numbers=_SINE,
        training={"batch_size": _BATCH},
    ),
}

PRESETS: dict[str, dict[str, Preset]] = {
    "image": _IMAGE,
    "audio": _AUDIO,
    "volume": _VOLUME,
    "field": _borrowed_rows("field"),
    "video": _VIDEO,
    "points": _borrowed_rows("points"),
}
