"""What a search has found, for people: a page to show, and lines for the terminal."""

from optiinr_jax.report.html import write_report as write_report
from optiinr_jax.report.tables import describe_layers as describe_layers
from optiinr_jax.report.tables import print_comparison as print_comparison
