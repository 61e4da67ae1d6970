"""Learned loss landscapes for inverse problems: a smooth proxy first, then the true loss.

Goyal, Holl, Agrawal and Thuerey, "Optimization Landscapes Learned", arXiv 2501.16573.
"""

from optiinr_jax.landscapes.blur import grid_blur as grid_blur
from optiinr_jax.landscapes.blur import kernel_average as kernel_average
from optiinr_jax.landscapes.blur import make_grid as make_grid
from optiinr_jax.landscapes.blur import sampled_blur as sampled_blur
from optiinr_jax.landscapes.descent import Minimised as Minimised
from optiinr_jax.landscapes.descent import TwoStage as TwoStage
from optiinr_jax.landscapes.descent import in_box as in_box
from optiinr_jax.landscapes.descent import minimise as minimise
from optiinr_jax.landscapes.descent import two_stage as two_stage
from optiinr_jax.landscapes.network import ENCODERS as ENCODERS
from optiinr_jax.landscapes.network import Encoder as Encoder
from optiinr_jax.landscapes.network import Proxy as Proxy
from optiinr_jax.landscapes.network import ProxyConfig as ProxyConfig
from optiinr_jax.landscapes.network import encode_target as encode_target
from optiinr_jax.landscapes.network import estimate_loss as estimate_loss
from optiinr_jax.landscapes.network import init_proxy as init_proxy
from optiinr_jax.landscapes.regularisers import NOISES as NOISES
from optiinr_jax.landscapes.regularisers import PENALTIES as PENALTIES
from optiinr_jax.landscapes.shares import Share as Share
from optiinr_jax.landscapes.shares import difference_of as difference_of
from optiinr_jax.landscapes.shares import is_optimal as is_optimal
from optiinr_jax.landscapes.shares import share_of as share_of
from optiinr_jax.landscapes.training import LABELS as LABELS
from optiinr_jax.landscapes.training import ProxyTraining as ProxyTraining
from optiinr_jax.landscapes.training import Runs as Runs
from optiinr_jax.landscapes.training import TrainedProxies as TrainedProxies
from optiinr_jax.landscapes.training import pick as pick
from optiinr_jax.landscapes.training import squared_distance as squared_distance
from optiinr_jax.landscapes.training import train_proxies as train_proxies
