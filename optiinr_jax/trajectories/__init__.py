"""How a network's outputs move with a hyperparameter; it knows no particular network."""

from optiinr_jax.trajectories.anchors import Anchors as Anchors
from optiinr_jax.trajectories.anchors import make_anchors as make_anchors
from optiinr_jax.trajectories.config import TrajectoryConfig as TrajectoryConfig
from optiinr_jax.trajectories.kinetics import KINETICS as KINETICS
from optiinr_jax.trajectories.metric import METRICS as METRICS
from optiinr_jax.trajectories.surrogate import DivergedError as DivergedError
from optiinr_jax.trajectories.surrogate import Surrogate as Surrogate
from optiinr_jax.trajectories.surrogate import fit as fit
from optiinr_jax.trajectories.surrogate import fit_many as fit_many
from optiinr_jax.trajectories.surrogate import load as load
from optiinr_jax.trajectories.surrogate_file import SurrogateFileError as SurrogateFileError
