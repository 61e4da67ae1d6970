"""Optuna's own tests of samplers, on ours.

With the usual start most of them draw each parameter by itself. The guided ones begin with a model
after one trial, and most pairs of distributions share a program; they take some minutes, and run
where OPTIINR_SLOW_TESTS is set:

    OPTIINR_SLOW_TESTS=1 pytest tests/integration/bo/test_optuna_suite.py
"""

import os

import optuna
import pytest

from optiinr_jax.bo import OptiINRSampler

suite = pytest.importorskip("optuna.testing.pytest_samplers")
whole = pytest.mark.skipif(
    not os.environ.get("OPTIINR_SLOW_TESTS"), reason="takes minutes; set OPTIINR_SLOW_TESTS"
)


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class TestUsualStart(suite.BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return OptiINRSampler


class TestSeveralObjectives(suite.MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return OptiINRSampler


@pytest.mark.slow
@whole
class TestGuided(suite.BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: OptiINRSampler(num_initial=1)


@pytest.mark.slow
@whole
class TestRelative(suite.RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: OptiINRSampler(num_initial=1)
