"""The bridge between the towers: points become networks, networks become scores."""

from optiinr_jax.studies.api import create_study as create_study
from optiinr_jax.studies.api import load_study as load_study
from optiinr_jax.studies.api import search as search
from optiinr_jax.studies.api import work as work
from optiinr_jax.studies.comparison import Comparison as Comparison
from optiinr_jax.studies.comparison import Entry as Entry
from optiinr_jax.studies.comparison import compare as compare
from optiinr_jax.studies.errors import StudyError as StudyError
from optiinr_jax.studies.points import SPACES as SPACES
from optiinr_jax.studies.points import config_to_point as config_to_point
from optiinr_jax.studies.points import inr_space as inr_space
from optiinr_jax.studies.points import point_to_config as point_to_config
from optiinr_jax.studies.portfolio import Portfolio as Portfolio
from optiinr_jax.studies.settings import StudySettings as StudySettings
from optiinr_jax.studies.strategies import STRATEGIES as STRATEGIES
from optiinr_jax.studies.strategies import Strategy as Strategy
from optiinr_jax.studies.study import Asked as Asked
from optiinr_jax.studies.study import Study as Study
from optiinr_jax.studies.trainers import RunOptions as RunOptions
from optiinr_jax.studies.trials import Origin as Origin
from optiinr_jax.studies.trials import Trial as Trial
