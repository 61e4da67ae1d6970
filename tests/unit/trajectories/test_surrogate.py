"""The surrogate as people use it: sampling, files, several at once, and errors in one sentence."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import optiinr_jax as oi
from optiinr_jax import trajectories
from optiinr_jax.trajectories import make_anchors

pytestmark = pytest.mark.integration  # a fit that all tests share takes its time

TINY = {
    "num_steps": 20,
    "width": 8,
    "path_width": 8,
    "metric_width": 8,
    "num_times": 3,
    "num_inner_steps": 2,
    "num_nodes": 4,
    "batch_size": 8,
    "progress": False,
}


def make_data(seed=0, num_classes=2, num_anchors=3):
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(num_classes), 10)
    outputs = [rng.normal(size=(len(classes), 2)) + k for k in range(num_anchors)]
    return make_anchors(np.arange(num_anchors) / 2, outputs, [classes] * num_anchors)


@pytest.fixture(scope="module")
def both():
    return trajectories.fit_many([make_data(0), make_data(1)], seeds=[3, 8], **TINY)


@pytest.fixture(scope="module")
def surrogate(both):
    return both[0]


def test_trajectories_begin_at_their_starts_and_are_continuous(surrogate):
    anchors = make_data()
    np.testing.assert_allclose(surrogate.sample(0.0), anchors.outputs[0], atol=1e-5)
    before, at, behind = surrogate.sample([0.4999, 0.5, 0.5001])
    np.testing.assert_allclose(before, at, atol=1e-2)
    np.testing.assert_allclose(behind, at, atol=1e-2)
    assert surrogate.sample([0.2, 0.9]).shape == (2, 20, 2)


def test_conditions_choose_the_outputs(surrogate):
    whole = surrogate.sample(0.7)
    np.testing.assert_allclose(surrogate.sample(0.7, 1), whole[10:], atol=1e-5)
    starts = make_data().outputs[0][:4]
    np.testing.assert_allclose(
        surrogate.sample(0.7, np.zeros(4, int), starts), whole[:4], atol=1e-5
    )
    other = surrogate.sample(0.7, 1, starts)
    assert np.abs(other - whole[:4]).max() > 1e-3  # the class has a say


def test_the_metric_can_be_looked_at(surrogate):
    found = surrogate.metric(surrogate.start_outputs, surrogate.start_conditions)
    np.testing.assert_allclose(np.trace(found, axis1=1, axis2=2), 1.1, rtol=1e-4)


def test_what_comes_of_one_does_not_depend_on_the_others(both):
    others = trajectories.fit_many([make_data(1), make_data(0)], seeds=[8, 3], **TINY)
    for one, other in zip(both, reversed(others), strict=True):
        np.testing.assert_array_equal(one.sample(0.6), other.sample(0.6))
    assert np.abs(both[0].sample(0.6) - both[1].sample(0.6)).max() > 0.1
    assert both[1].history["dual"].shape == (20,)


def test_a_file_holds_all_of_it(surrogate, tmp_path):
    path = surrogate.save(tmp_path / "moons.safetensors")
    again = trajectories.load(path)
    np.testing.assert_array_equal(again.sample(0.3), surrogate.sample(0.3))
    np.testing.assert_array_equal(again.sample(0.3, 1), surrogate.sample(0.3, 1))
    assert again.config == surrogate.config and again.seed == 3
    assert again.save(tmp_path / "again.safetensors").stat().st_size == path.stat().st_size
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.safetensors", "moons.safetensors"]


def test_a_file_that_is_not_intact_is_refused(surrogate, tmp_path):
    path = surrogate.save(tmp_path / "a.safetensors")
    whole = path.read_bytes()
    with safe_open(path, framework="numpy") as file:
        metadata, tensors = file.metadata(), {k: file.get_tensor(k) for k in file.keys()}

    def write(**changes):
        save_file(tensors, path, metadata | changes)

    broken = {
        "changed": lambda: path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1])),
        "incomplete": lambda: path.write_bytes(whole[: len(whole) // 2]),
        "version": lambda: write(version="9"),
        "other fields": lambda: write(config=json.dumps({"metric": "learned"})),
        "metadata": lambda: save_file(tensors, path, {"format": "optiinr"}),
    }
    for words, spoil in broken.items():
        spoil()
        with pytest.raises(trajectories.SurrogateFileError, match=words) as error:
            trajectories.load(path)
        assert str(path) in str(error.value)
    with pytest.raises(FileNotFoundError, match="check the name"):
        trajectories.load(tmp_path / "none")


Y, X = np.zeros((3, 2)), np.array([0, 1, 1])
NAN = np.array([[0.0, 1.0], [np.nan, 0.0], [1.0, 1.0]])
WRONG_ANCHORS = {
    "one anchor": (([0.5], [Y]), "got 1 setting; a trajectory needs two anchors"),
    "unsorted settings": (
        ([1.0, 0.0], [Y, Y]),
        r"settings are \[1.0, 0.0\]; they must",
    ),
    "a setting twice": (([1.0, 1.0], [Y, Y]), "must be finite and increase"),
    "a setting that is nan": (([0.0, np.nan], [Y, Y]), "must be finite"),
    "too few outputs": (([0.0, 1.0], [Y]), "outputs of 1 anchors for 2 settings"),
    "outputs that are nan": (([0.0, 1.0], [Y, NAN]), "outputs of anchor 1 have a number in row 1"),
    "outputs of two sizes": (([0.0, 1.0], [Y, Y[:, :1]]), r"shapes \(3, 2\), \(3, 1\)"),
    "outputs without rows": (([0.0, 1.0], [Y, Y[:0]]), "every anchor needs rows"),
    "too few conditions": (([0.0, 1.0], [Y, Y], [X, X[:2]]), r"got \[3, 2\] conditions"),
    "conditions that are nan": (([0.0, 1.0], [Y, Y], [Y, NAN]), "conditions of anchor 1"),
    "other classes": (([0.0, 1.0], [Y, Y], [X, X + 1]), r"\(\[0, 2\] in one alone\)"),
    "conditions apart": (([0.0, 1.0], [Y, Y], [Y, Y + 1]), "do not overlap in column 0"),
}


@pytest.mark.parametrize("case", WRONG_ANCHORS)
def test_wrong_anchors_are_told_in_one_sentence(case, no_type_checks):
    arguments, words = WRONG_ANCHORS[case]
    with pytest.raises(ValueError, match=words) as error:
        make_anchors(*arguments)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


WRONG_QUESTIONS = {
    "before the first anchor": ((-0.1,), "knows those from 0 to 1"),
    "behind the last": (([0.5, 1.1],), "or train an anchor beyond"),
    "nan": ((np.nan,), "the setting is nan"),
    "an unknown class": ((0.5, 7), "starts have the shape|unknown classes"),
    "classes of another number": ((0.5, np.zeros(3, int), np.zeros((2, 2))), r"must be \(2,\)"),
    "conditions alone": ((0.5, np.zeros(4, int)), "conditions without starts"),
    "starts of another size": ((0.5, 0, np.zeros((2, 3))), r"shape \(n, 2\)"),
    "starts without conditions": ((0.5, None, np.zeros((2, 2))), "got no conditions"),
}


@pytest.mark.parametrize("case", WRONG_QUESTIONS)
def test_wrong_questions_are_told_in_one_sentence(case, surrogate, no_type_checks):
    arguments, words = WRONG_QUESTIONS[case]
    with pytest.raises(ValueError, match=words):
        surrogate.sample(*arguments)


WRONG_OPTIONS = {
    "metric": ({"metric": "curved"}, "unknown metric 'curved'"),
    "kinetic": ({"kinetic": "momentum"}, "unknown kinetic term"),
    "num_steps": ({"num_steps": 0}, "num_steps is 0"),
    "bandwidth": ({"bandwidth": 0.0}, "bandwidth is 0.0"),
    "seeds": ({"seeds": [1, 2]}, "got 2 seeds for 1 data sets"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options_are_told(case, no_type_checks):
    options, words = WRONG_OPTIONS[case]
    with pytest.raises(ValueError, match=words):
        trajectories.fit_many([make_data()], **options)


def test_data_sets_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        trajectories.fit_many([make_data(), make_data(num_anchors=2)], **TINY)


def test_a_training_that_diverges_says_what_to_lower():
    with pytest.raises(trajectories.DivergedError, match="lower map_rate"):
        trajectories.fit_many([make_data()] * 2, **TINY | {"map_rate": 1e30})


def test_the_front_door_names_it():
    assert oi.trajectories is trajectories
