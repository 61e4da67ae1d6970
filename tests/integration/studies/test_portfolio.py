"""From studies to a portfolio, and from a portfolio to a search's first trials."""

import pytest

import optiinr_jax as oi
from optiinr_jax.studies import StudyError

SMALL = {"num_steps": 60, "width": 8, "progress": False, "num_portfolio": 0}


@pytest.fixture(scope="module")
def studies():
    pictures = [oi.sample_signal("image", size=size) for size in (12, 14)]
    return [
        oi.search(picture, num_trials=5, name=f"picture {i}", seed=i, **SMALL)
        for i, picture in enumerate(pictures)
    ]


def test_studies_become_a_portfolio_that_a_search_begins_with(studies, tmp_path):
    found = oi.Portfolio.from_studies(studies, num=2, progress=False)
    (cell,) = found.cells
    assert (cell.kind, cell.width, cell.num_steps) == ("image", 8, 60)
    assert 144 < cell.num_points < 196 and 1 <= len(cell.entries) <= 2
    assert all(entry.source.startswith("picture") for entry in cell.entries)
    assert oi.Portfolio.load(found.save(tmp_path / "mine.json")) == found
    picture = oi.sample_signal("image", size=13)
    study = oi.search(
        picture, num_trials=3, num_steps=60, width=8, progress=False, portfolio=found, depth=4
    )
    origins = [str(trial.origin) for trial in study.trials]
    assert origins[: len(cell.entries)] == [f"portfolio {i + 1}" for i in range(len(cell.entries))]
    first = study.config_of(study.trials[0].point)
    wanted = found.recommend(picture, 1, width=8, num_steps=60)[0].config
    assert first.layers == wanted.layers
    assert (found + oi.Portfolio.packaged()).cells[0] == cell


def test_a_search_of_another_depth_leaves_the_portfolio_out():
    picture = oi.sample_signal("image", size=8)
    study = oi.create_study(picture, width=8, depth=2, num_steps=60)
    assert {row.user_attrs["origin"][0] for row in study.optuna_study.trials} == {"published"}


def test_nothing_and_studies_without_a_score_make_none(studies):
    with pytest.raises(StudyError, match="no studies"):
        oi.Portfolio.from_studies([])
    empty = oi.create_study(studies[0].signal, width=8, num_steps=60)
    with pytest.raises(StudyError, match="no trial has a score"):
        oi.Portfolio.from_studies([empty], progress=False)
