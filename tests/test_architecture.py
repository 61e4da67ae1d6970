"""The house: imports go down the floors only, the towers stay apart, import is quick and silent."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import optiinr_jax

PACKAGE = Path(optiinr_jax.__file__).parent

# Lower floors first; a module may import from its own part of the house and from lower floors.
FLOORS = [
    {"numerics", "files", "progress"},
    {"signals"},
    {"inr", "bo"},
    {"search"},
    {"optiinr_jax"},  # the front door, which names what the floors below offer
    {"report"},
    {"cli"},
    {"__main__"},
]
FLOOR = {part: i for i, floor in enumerate(FLOORS) for part in floor}


def source_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "optiinr_jax" if name == "__init__" else name


def internal_imports(path: Path) -> set[str]:
    """Parts of the package that a file imports, anywhere in it."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, _, rest = name.partition(".")
            if root == "optiinr_jax":
                child = rest.split(".")[0]
                parts.add(child if child in FLOOR else "optiinr_jax")
    return parts


@pytest.mark.parametrize("path", source_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    part = part_of(path)
    for target in internal_imports(path) - {part}:
        assert FLOOR[target] < FLOOR[part], f"{part} imports {target}, which is not below it"


def test_the_towers_do_not_know_each_other():
    assert FLOOR["inr"] == FLOOR["bo"]  # the floors above then forbid it both ways
    for path in source_files():
        assert not ({"inr", "bo"} <= internal_imports(path) | {part_of(path)}) or part_of(path) in (
            "search",
            "optiinr_jax",
            "report",
            "cli",
        ), f"{path} joins the towers; only the bridge may"


def test_no_file_is_too_long():
    for path in source_files():
        assert len(path.read_text().splitlines()) <= 400, f"{path} would read better as two"


def test_public_names_are_documented():
    for path in source_files():
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), f"{path} has no docstring"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name} has no docstring"


IMPORT = """
import time, jax, flax.linen, optax
before = dict(jax.config.values)
start = time.perf_counter()
import optiinr_jax
seconds = time.perf_counter() - start
assert dict(jax.config.values) == before, "import changed a jax setting"
import sys
assert not {"matplotlib", "trimesh", "scipy.stats"} & set(sys.modules)
from jax._src import xla_bridge
assert not xla_bridge._backends, "import started a device"
print(seconds)
"""


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
