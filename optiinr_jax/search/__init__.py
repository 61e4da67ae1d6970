"""The bridge between the towers: points become networks, networks become scores."""

from optiinr_jax.search.checks import StudyError as StudyError
from optiinr_jax.search.comparison import Comparison as Comparison
from optiinr_jax.search.comparison import Entry as Entry
from optiinr_jax.search.comparison import compare as compare
from optiinr_jax.search.comparison import confirm as confirm
from optiinr_jax.search.front import create_study as create_study
from optiinr_jax.search.front import load_study as load_study
from optiinr_jax.search.front import search as search
from optiinr_jax.search.spaces import SPACES as SPACES
from optiinr_jax.search.spaces import config_to_point as config_to_point
from optiinr_jax.search.spaces import inr_space as inr_space
from optiinr_jax.search.spaces import point_to_config as point_to_config
from optiinr_jax.search.strategies import STRATEGIES as STRATEGIES
from optiinr_jax.search.study import Asked as Asked
from optiinr_jax.search.study import Study as Study
from optiinr_jax.search.trials import Trial as Trial
