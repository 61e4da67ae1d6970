"""HOW a signal is represented; knows no optimisation over configurations."""

from optiinr_jax.inr.activations import ACTIVATIONS as ACTIVATIONS
from optiinr_jax.inr.activations import Activation as Activation
from optiinr_jax.inr.compilation_cache import (
    keep_compiled_programs as keep_compiled_programs,
)
from optiinr_jax.inr.config import LayerConfig as LayerConfig
from optiinr_jax.inr.config import NetworkConfig as NetworkConfig
from optiinr_jax.inr.config import make_layer as make_layer
from optiinr_jax.inr.directions import OPTIMIZERS as OPTIMIZERS
from optiinr_jax.inr.encodings import ENCODINGS as ENCODINGS
from optiinr_jax.inr.encodings import FourierFeatures as FourierFeatures
from optiinr_jax.inr.encodings import NerfFrequencies as NerfFrequencies
from optiinr_jax.inr.encodings import fourier_features as fourier_features
from optiinr_jax.inr.encodings import nerf_features as nerf_features
from optiinr_jax.inr.exports import ExportError as ExportError
from optiinr_jax.inr.fitting import DivergedError as DivergedError
from optiinr_jax.inr.fitting import FitOptions as FitOptions
from optiinr_jax.inr.fitting import FloorWarning as FloorWarning
from optiinr_jax.inr.fitting import fit as fit
from optiinr_jax.inr.fitting import make_inr as make_inr
from optiinr_jax.inr.fitting_many import fit_many as fit_many
from optiinr_jax.inr.gradient_adjustment import GradientAdjustment as GradientAdjustment
from optiinr_jax.inr.initializers import INITIALIZERS as INITIALIZERS
from optiinr_jax.inr.lowering import as_wave as as_wave
from optiinr_jax.inr.model import MLP as MLP
from optiinr_jax.inr.model import apply as apply
from optiinr_jax.inr.model import init as init
from optiinr_jax.inr.model_file import ModelFileError as ModelFileError
from optiinr_jax.inr.ntk import Spectrum as Spectrum
from optiinr_jax.inr.ntk import alignment as alignment
from optiinr_jax.inr.ntk import energy as energy
from optiinr_jax.inr.ntk import full_tangent_kernel as full_tangent_kernel
from optiinr_jax.inr.ntk import project as project
from optiinr_jax.inr.ntk import spectrum as spectrum
from optiinr_jax.inr.ntk import tangent_kernel as tangent_kernel
from optiinr_jax.inr.official_weights import from_state_dict as from_state_dict
from optiinr_jax.inr.optimizer import make_optimizer as make_optimizer
from optiinr_jax.inr.presets import PROTOCOLS as PROTOCOLS
from optiinr_jax.inr.presets import preset as preset
from optiinr_jax.inr.presets import training_rule as training_rule
from optiinr_jax.inr.published import PRESETS as PRESETS
from optiinr_jax.inr.pytree import stack as stack
from optiinr_jax.inr.recommended import PortfolioError as PortfolioError
from optiinr_jax.inr.recommended import Recommendation as Recommendation
from optiinr_jax.inr.recommended import recommend as recommend
from optiinr_jax.inr.reparameterization import (
    FourierReparameterization as FourierReparameterization,
)
from optiinr_jax.inr.representation import INR as INR
from optiinr_jax.inr.representation import load_inr as load_inr
from optiinr_jax.inr.sampling import SAMPLINGS as SAMPLINGS
