"""Mixed-variable Bayesian optimisation; it has never heard of an implicit neural representation."""

from optiinr_jax.bo.acquisition import ACQUISITIONS as ACQUISITIONS
from optiinr_jax.bo.dimensions import Choice as Choice
from optiinr_jax.bo.dimensions import Float as Float
from optiinr_jax.bo.dimensions import Int as Int
from optiinr_jax.bo.distributions import suggest as suggest
from optiinr_jax.bo.engine import FAILED as FAILED
from optiinr_jax.bo.kernels import KERNELS as KERNELS
from optiinr_jax.bo.kernels import Kernel as Kernel
from optiinr_jax.bo.optimizer import Optimizer as Optimizer
from optiinr_jax.bo.optimizer import maximise as maximise
from optiinr_jax.bo.optimizer import minimise as minimise
from optiinr_jax.bo.pareto import ParetoOptimizer as ParetoOptimizer
from optiinr_jax.bo.sampler import OptiINRSampler as OptiINRSampler
from optiinr_jax.bo.space import Space as Space
from optiinr_jax.bo.surrogate import Surrogate as Surrogate
from optiinr_jax.bo.surrogate import fit_surrogate as fit_surrogate
from optiinr_jax.bo.warp import WARPS as WARPS
