"""OptiINR's optimiser for OptunaHub; the sampler itself is in the package optiinr-jax."""

from optiinr_jax import OptiINRSampler

__all__ = ["OptiINRSampler"]
