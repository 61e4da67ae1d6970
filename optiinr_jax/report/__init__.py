"""What a search has found, for people: a page to show, and lines for the terminal."""

from optiinr_jax.report.labels import describe_layers as describe_layers
from optiinr_jax.report.page import ReportPage as ReportPage
from optiinr_jax.report.page import show_report as show_report
from optiinr_jax.report.page import write_report as write_report
from optiinr_jax.report.terminal import print_comparison as print_comparison
