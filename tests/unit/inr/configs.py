"""Configurations that several tests take: a plain one, and one with every field set."""

from dataclasses import replace

from optiinr_jax import inr
from optiinr_jax.inr.config import NetworkConfig

CONFIG = NetworkConfig(
    layers=(inr.make_layer("siren", omega=20.0), inr.make_layer("wire", learning_rate=1e-3)),
    width=16,
    encoding=inr.FourierFeatures(sigma=3.0, num_frequencies=8),
    lr_cooldown=0.3,
    output_weight_bound=1e-4,
)
RICH = replace(
    CONFIG,
    layers=(
        replace(inr.make_layer("siren"), initializer="default", gain=2.0, bias_bound=0.5),
        inr.make_layer("gauss"),
    ),
    encoding=inr.NerfFrequencies(num_frequencies=3, with_pi=False),
    reparameterization=inr.FourierReparameterization(num_low=2, num_high=3, num_phases=4),
    adjustment=inr.GradientAdjustment(group=(4, 8), end=3, sampling="middle"),
    output_activation="sigmoid",
    batch_size=100,
    optimizer="soap",
    weight_decay=0.2,
    gradient_norm=0.5,
    clip_norm=1.5,
    schedule="cosine",
    lr_decay=0.1,
    lr_step_at=0.4,
    lr_warmup=0.05,
    sampling="jittered",
    grid_share=0.25,
    output_init="tiny",
    output_bias_bound=0.3,
    coord_range=(-0.5, 0.5),
    value_range=(0.0, 1.0),
    natural_range=(-1.0, 1.0),
)
