"""Signals: WHAT is represented. Knows no network."""

from .coordinates import coords_at as coords_at
from .coordinates import grid_coords as grid_coords
from .errors import SignalError as SignalError
from .frame import Frame as Frame
from .image import read_image as read_image
from .image import resize_image as resize_image
from .image import write_image as write_image
from .kinds import KINDS as KINDS
from .kinds import SignalKind as SignalKind
from .metrics import mse as mse
from .metrics import psnr as psnr
from .signal import Signal as Signal
from .signal import load_signal as load_signal
from .signal import make_signal as make_signal
from .signal import sample_signal as sample_signal
from .signal import write_signal as write_signal
from .synthetic import picture as picture
