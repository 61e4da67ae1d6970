"""The house: floors, towers, no circles, names, documents, lengths; import is quick and silent.

Each rule is asked of the package, and of a small tree with a fault that it has to find.
"""

import importlib
import os
import pkgutil
import pydoc
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import optiinr_jax
from tests import architecture as rules

PACKAGE = Path(optiinr_jax.__file__).parent

# Lower floors first; a module may import from its own part of the house and from lower floors.
FLOORS = [
    {"text"},
    {"processes", "streams"},
    {"blas", "checks", "numerics", "files", "options", "progress", "sealed"},
    {"signals"},
    {"inr", "bo", "landscapes", "trajectories"},
    {"studies"},
    {""},  # the front door, which names what the floors below offer
    {"report"},
    {"cli"},
    {"__main__"},
]
BRIDGES = {"studies", "", "report", "cli"}
# Optuna's private names are needed here, see the files; `os._exit` is a public name of Python.
PRIVATE = {
    "optiinr_jax.studies.store.rows",
    "optiinr_jax.bo.sampler",
    "optiinr_jax.cli.main",
}
MAX_LINES, MAX_CODE = 400, 40
# function -> why it is longer
LONG = {
    "optiinr_jax.cli.studies.search": "the options of a command, one a line",
    "optiinr_jax.cli.verbs.fit": "the options of a command, one a line",
    "optiinr_jax.inr.config_checks.check_config": "a list of checks, one a field",
    "optiinr_jax.inr.fitting_many.fit_many": "its options",
    "optiinr_jax.inr.training.run_chunk": "the forms of a step, which share their names",
    "optiinr_jax.inr.training.train": "one order: compile, restore, run, keep, whatever happens",
    "optiinr_jax.signals.audio.write_audio": "four errors, each with its sentence",
    "optiinr_jax.signals.audio._decode": "one loop over blocks, with its errors",
    "optiinr_jax.studies.api.create_study": "its options, and one order of steps",
    "optiinr_jax.studies.comparison.compare": "three rounds, which share what is known",
    "optiinr_jax.studies.training.train": "what may happen to a trial, in one order",
}
RULES = {
    "floors": partial(rules.check_floors, floors=FLOORS),
    "towers": partial(
        rules.check_towers, towers={"inr", "bo", "landscapes", "trajectories"}, bridges=BRIDGES
    ),
    "circles": rules.check_circles,
    "names": rules.check_names,
    "private names": partial(rules.check_private_names, allowed=PRIVATE),
    "documents": rules.check_documented,
    "lengths": partial(rules.check_lengths, max_lines=MAX_LINES, max_code=MAX_CODE, long=LONG),
}


@pytest.mark.integration
@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps(rule):
    assert not RULES[rule](PACKAGE)


@pytest.mark.integration
def test_every_file_with_private_names_has_some():
    """Or it need not be named."""
    for name in PRIVATE:
        faults = rules.check_private_names(PACKAGE, PRIVATE - {name})
        assert faults and all(fault.startswith(name) for fault in faults)


# A sound tree, and what is wrong with it where a file is written or replaced.
SOUND = {
    "__init__.py": '"""A house."""\nfrom house.bridge import cross as cross\n',
    "low.py": '"""Ground."""\n',
    "left/__init__.py": '"""A tower."""\nfrom .room import climb as climb\n',
    "left/room.py": '"""A room."""\nimport house.low\n\n\ndef climb():\n    """Climb."""\n',
    "right/__init__.py": '"""A tower."""\nfrom house.right import room as room\n',
    "right/room.py": '"""A room."""\nfrom .. import low\n',
    "bridge.py": '"""Joins."""\nfrom house.left import climb\nfrom house import right\n'
    '\n\ndef cross():\n    """Cross."""\n',
}
HOUSE_FLOORS = [{"low"}, {"left", "right"}, {"bridge"}, {""}]
HOUSE_RULES = {
    "floors": partial(rules.check_floors, floors=HOUSE_FLOORS),
    "towers": partial(rules.check_towers, towers={"left", "right"}, bridges={"bridge", ""}),
    "circles": rules.check_circles,
    "names": rules.check_names,
    "private names": partial(rules.check_private_names, allowed={"house.low"}),
    "documents": rules.check_documented,
    "lengths": partial(rules.check_lengths, max_lines=60, max_code=12),
}
FOR_TYPES = (
    '"""A room."""\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {}\n'
    '\n\ndef climb():\n    """Climb."""\n'
)
LONG_FUNCTION = 'def climb():\n    """Climb."""\n' + "    print()\n" * 13
FAULTS = {
    "an import upwards": ("floors", {"low.py": '"""Ground."""\nimport house.bridge\n'}),
    "one inside a function": (
        "floors",
        {"low.py": '"""Ground."""\n\n\ndef _late():\n    from house.left import climb\n'},
    ),
    "a relative one": ("floors", {"left/room.py": '"""A room."""\nfrom ..bridge import cross\n'}),
    "a relative one of a module": ("floors", {"low.py": '"""Ground."""\nfrom . import bridge\n'}),
    "one for types": ("floors", {"left/room.py": FOR_TYPES.format("import house.bridge")}),
    "a part on no floor": ("floors", {"attic.py": '"""Dust."""\n'}),
    "an upper floor that is named as the house": ("floors", {"low.py": '"""G."""\nimport house\n'}),
    "towers joined": ("towers", {"left/room.py": '"""A room."""\nimport house.right.room\n'}),
    "towers joined relatively": (
        "towers",
        {"right/room.py": '"""A room."""\nfrom ..left.room import climb\n'},
    ),
    "a circle of two": (
        "circles",
        {
            "left/room.py": '"""A room."""\nfrom house.left.stairs import up\n',
            "left/stairs.py": '"""Stairs."""\nfrom house.left.room import climb\n',
        },
    ),
    "a circle for types": (
        "circles",
        {
            "left/room.py": FOR_TYPES.format("from house.left.stairs import Up"),
            "left/stairs.py": '"""Stairs."""\nimport house.left.room\n',
        },
    ),
    "a circle of three, relatively": (
        "circles",
        {
            "left/room.py": '"""A room."""\nfrom . import stairs\n',
            "left/stairs.py": '"""Stairs."""\nfrom .landing import rest\n',
            "left/landing.py": '"""Landing."""\nfrom .room import climb\n',
        },
    ),
    "a room that asks its own door": (
        "circles",
        {"left/room.py": '"""A room."""\nfrom house.left import climb\n'},
    ),
    "a function that hides a module": (
        "names",
        {"left/__init__.py": '"""A tower."""\nfrom house.left.room import climb as room\n'},
    ),
    "a function that hides a folder": (
        "names",
        {"__init__.py": '"""A house."""\n\n\ndef left():\n    """Not the tower."""\n'},
    ),
    "a constant that hides a module": ("names", {"left/__init__.py": '"""A tower."""\nroom = 3\n'}),
    "a private attribute of others": (
        "private names",
        {"left/room.py": '"""A room."""\nimport optuna\noptuna.create_study()._storage\n'},
    ),
    "a private module of others": (
        "private names",
        {"left/room.py": '"""A room."""\nfrom optuna.storages._heartbeat import BaseHeartbeat\n'},
    ),
    "a private name of others": (
        "private names",
        {"left/room.py": '"""A room."""\nfrom optuna.storages import _CachedStorage\n'},
    ),
    "a private module, inside": (
        "private names",
        {"left/room.py": '"""A room."""\n\n\ndef _f():\n    import jax._src.xla_bridge\n'},
    ),
    "a module without a word": ("documents", {"low.py": "x = 1\n"}),
    "a function without a word": (
        "documents",
        {"low.py": '"""Ground."""\n\n\ndef stand():\n    pass\n'},
    ),
    "a method without a word": (
        "documents",
        {
            "low.py": '"""Ground."""\n\n\nclass Floor:\n    """A floor."""\n\n'
            "    def creak(self):\n        pass\n"
        },
    ),
    "a long file": ("lengths", {"low.py": '"""Ground."""\n' + "x = 1\n" * 60}),
    "a long function": ("lengths", {"left/room.py": '"""A room."""\n\n\n' + LONG_FUNCTION}),
}


def build(folder: Path, files: dict[str, str]) -> Path:
    house = folder / "house"
    for name, text in files.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return house


@pytest.mark.parametrize("rule", HOUSE_RULES)
def test_a_sound_tree_has_no_fault(rule, tmp_path):
    assert not HOUSE_RULES[rule](build(tmp_path, SOUND))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, tmp_path):
    rule, files = FAULTS[fault]
    found = HOUSE_RULES[rule](build(tmp_path, SOUND | files))
    assert len(found) == 1, found


def test_every_rule_has_a_planted_fault():
    assert {rule for rule, _ in FAULTS.values()} == set(RULES) == set(HOUSE_RULES)


def test_a_function_may_be_long_for_a_reason_and_no_longer(tmp_path):
    house = build(tmp_path, SOUND | FAULTS["a long function"][1])
    name = "house.left.room.climb"
    assert not rules.check_lengths(house, 60, 12, {name: "stairs"})
    assert rules.check_lengths(house, 60, 40, {name: "stairs"}) == [f"{name} is not long any more"]


def test_every_module_can_be_had_by_its_name():
    """No function of the front door stands before a package, as `oi.search` once did."""
    for found in pkgutil.walk_packages([str(PACKAGE)], "optiinr_jax."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        assert pydoc.locate(found.name) is module
    assert callable(pydoc.locate("optiinr_jax.studies.compare"))


IMPORT = """
import time, jax, flax.linen, optax
before = dict(jax.config.values)
start = time.perf_counter()
import optiinr_jax
seconds = time.perf_counter() - start
import optiinr_jax.cli.studies  # `status` of a study is asked for again and again
assert dict(jax.config.values) == before, "import changed a jax setting"
import sys
assert not {"matplotlib", "trimesh", "scipy", "jinja2"} & set(sys.modules)
from jax._src import xla_bridge
assert not xla_bridge._backends, "import started a device"
print(seconds)
"""


@pytest.mark.integration
def test_import_is_silent_and_changes_no_jax_setting():
    """Time is printed and not asserted: `-s` shows it (about 1 s beyond jax and flax)."""
    environment = {**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:optiinr_jax"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1, "import printed something"
    print(f"import optiinr_jax: {float(done.stdout):.2f} s beyond jax, flax and optax")
