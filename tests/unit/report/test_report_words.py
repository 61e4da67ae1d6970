"""What the terminal says of a comparison."""

import optiinr_jax as oi
from optiinr_jax.report.words import result_sentence
from optiinr_jax.studies import Comparison, Entry

SIREN = Entry("siren", "official", oi.preset("siren"), (30.0, 31.0))


def say(*scores: float) -> str:
    found = Entry("found", "search", oi.preset("finer"), scores)
    return result_sentence(Comparison(found, (SIREN,), (SIREN,), 500), "PSNR (dB)")


def test_a_gain_and_a_loss():
    assert say(33.0, 34.0).startswith("found configuration 3.00 dB above the best preset (SIREN, ")
    assert "0.50 dB below" in say(29.5, 30.5)


def test_scores_that_hang_on_the_seed_are_told():
    assert "from seed to seed it has 19.00 to 52.00 dB" in say(52.0, 19.0)
    assert "seed to seed" not in say(33.0, 34.0)
    assert "diverged on 1 of 2" in say(52.0, float("-inf"))
