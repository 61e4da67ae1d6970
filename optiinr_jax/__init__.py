"""The best implicit neural representation of a signal, by mixed-variable Bayesian optimisation."""

from optiinr_jax import bo as bo
from optiinr_jax import inr as inr
from optiinr_jax import landscapes as landscapes
from optiinr_jax import trajectories as trajectories
from optiinr_jax.bo.sampler import OptiINRSampler as OptiINRSampler
from optiinr_jax.inr import INR as INR
from optiinr_jax.inr import fit as fit
from optiinr_jax.inr import fit_many as fit_many
from optiinr_jax.inr import load_inr as load_inr
from optiinr_jax.inr import make_inr as make_inr
from optiinr_jax.inr import preset as preset
from optiinr_jax.inr import recommend as recommend
from optiinr_jax.signals import Signal as Signal
from optiinr_jax.signals import as_signal as as_signal
from optiinr_jax.signals import load_dataset_signal as load_dataset_signal
from optiinr_jax.signals import load_signal as load_signal
from optiinr_jax.signals import make_points as make_points
from optiinr_jax.signals import make_signal as make_signal
from optiinr_jax.signals import mask as mask
from optiinr_jax.signals import sample_signal as sample_signal
from optiinr_jax.studies import Portfolio as Portfolio
from optiinr_jax.studies import Study as Study
from optiinr_jax.studies import StudySettings as StudySettings
from optiinr_jax.studies import compare as compare
from optiinr_jax.studies import create_study as create_study
from optiinr_jax.studies import inr_space as inr_space
from optiinr_jax.studies import load_study as load_study
from optiinr_jax.studies import search as search

__version__ = "0.1.0"
