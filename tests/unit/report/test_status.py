"""How far a study is: every score whole at 80 columns, and the seeds of what was found."""

import json

import pytest

import optiinr_jax as oi
from optiinr_jax.report.status import describe_status, status_lines, summarise, trial_lines


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


@pytest.mark.integration
def test_a_table_of_80_columns_cuts_no_score(study):
    lines, wide = trial_lines(study, width=80), trial_lines(study)
    assert all(len(line) <= 80 for line in lines)
    for trial in study.trials:
        row = next(line for line in lines if line.lstrip("* ").startswith(f"{trial.number} "))
        if trial.score is not None:
            assert f"{trial.score:.2f}" in row
            assert f"{trial.facts['samples']:.2f}" in row and f"{trial.facts['between']:.2f}" in row
    assert "published siren, rate x 4" in " ".join(lines)
    assert "..." not in "".join(wide)


@pytest.mark.integration
def test_long_networks_are_shortened_and_not_their_scores(signal, told):
    study = told(signal, 20, lambda asked: 30.0 + asked.number, depth=6, num_initial=20)
    lines = status_lines(study, width=80)
    assert all(len(line) <= 80 for line in lines) and any(line.endswith("...") for line in lines)
    assert all(f"{30 + n}.00" in " ".join(lines) for n in range(5, 20))


@pytest.mark.integration
def test_the_best_is_marked_with_both_figures_and_its_seeds(study):
    best = study.best_trial
    lines = status_lines(study)
    facts = best.facts
    assert (
        f"best: trial {best.number}, {best.score:.2f} dB ({facts['samples']:.2f} at the samples, "
        f"{facts['between']:.2f} between them)"
    ) in lines
    control = f"{facts['control']:.2f} between the samples"
    assert f"to compare: linear interpolation of the samples has {control}" in lines
    assert "PSNR (dB), objective continuous: errors at the samples and between them in one" in lines
    (marked,) = [line for line in lines if line.startswith("*")]
    assert marked.split()[1] == str(best.number)


def test_all_seeds_of_what_was_found(signal, told):
    scores = [20.0] * 9 + [30.0, 10.0, 29.5, 29.0]
    study = told(signal, 13, lambda a: scores[a.number], num_initial=13, num_confirm=2)
    assert "in the search it had 30.00, 29.50, 29.00 (trials 9, 11, 12)" in describe_status(study)
    assert summarise(study)["best"]["seeds"] == {"9": 30.0, "11": 29.5, "12": 29.0}
    assert any("trial 9 again: " in line for line in status_lines(study))


def test_plain_data_of_a_study(study):
    record = json.loads(json.dumps(summarise(study)))
    assert record["metric"] == "PSNR (dB)" and record["objective"] == "continuous"
    assert record["complete"] == 4 and record["failed"] == 1 and record["is_over"]
    best, facts = record["best"], study.best_trial.facts
    for name in ("samples", "between", "control", "control_name"):
        assert best[name] == facts[name]


def test_nothing_is_said_of_a_best_that_is_not_there(signal, told):
    study = told(signal, 2, lambda asked: None)
    text = "\n".join(status_lines(study))
    assert "best" not in text and "inf" not in text and "2 failed" in text
    assert summarise(study)["best"] is None


def test_a_running_trial_shows_how_far_it_is(signal):
    study = oi.create_study(signal, num_trials=2, num_steps=9, width=8, depth=1)
    asked = study.ask()
    study.ledger.report(asked.claimed, 5, 21.3)
    (row,) = status_lines(study)[-1:]
    assert "21.30 at 5" in row
    study.tell(asked, 22.0)
    assert "21.30" not in status_lines(study)[-1] and "22.00" in status_lines(study)[-1]
