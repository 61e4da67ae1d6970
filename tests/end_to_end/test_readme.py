"""The Python of README and of the manual, as it stands there, README's but for its sizes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import optiinr_jax as oi

ROOT = Path(__file__).parents[2]
# For the sake of time: what is written -> what is run
SMALLER = {
    "num_trials=22, num_steps=500, width=48, st": "num_trials=4, num_steps=150, width=8, st",
    "inr = oi.fit(signal)  #": "inr = oi.fit(signal, num_steps=60)  #",
    'load_signal("photo.png", size=96)': 'load_signal("photo.png", size=16)',
    'oi.preset(name) for name in ("siren", "finer", "gf")], num_steps=500': (
        'oi.preset(name, width=8) for name in ("siren", "finer", "gf")], num_steps=9'
    ),
}


@pytest.mark.slow
def test_the_python_of_readme_runs(tmp_path):
    text = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S))
    for written, run in SMALLER.items():
        assert written in text, written
        text = text.replace(written, run)
    pixels = oi.sample_signal("image", 16).samples
    oi.signals.write_image(tmp_path / "photo.png", pixels)
    (tmp_path / "readme.py").write_text(text)
    run_script(tmp_path / "readme.py")


@pytest.mark.slow
def test_the_pool_of_the_manual_runs_as_a_script(tmp_path):
    """Its processes read the script again, so it needs its guard."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "studies.md").read_text(), re.S)
    (script,) = [block for block in blocks if "ProcessPoolExecutor" in block]
    (tmp_path / "pool.py").write_text(script)
    assert "Study(8 trials" in run_script(tmp_path / "pool.py")


DOCS = ROOT / "docs"
GUIDES = [
    *(DOCS / name for name in ("index.md", "start.md", "studies.md", "trajectories.md")),
    *sorted((DOCS / "how-to").glob("*.md")),
]
TINY = "num_trials=2, num_steps=90, width=8, depth=1"
# page -> what is written, what is run for the sake of time
PARTS = {
    "studies.md": {
        "study = oi.search(signal, batch_size=8": f"study = oi.search(signal, {TINY}, batch_size=8",
        'signal,\n    storage="sqlite:///study.db"': f'signal, {TINY}, storage="sqlite:///study.db"',
        'preset("finer", width=48)': 'preset("finer", width=8, depth=1)',
        "signal, width=64, st": "signal, width=8, depth=1, st",
        "range(40)": "range(4)",
    },
    "trajectories.md": {
        "fit(anchors)": "fit(anchors, metric='euclidean', has_potential=False, num_steps=20)"
    },
}
# page -> what it takes as given
GIVEN = {
    "studies.md": """
import dask.distributed
import optiinr_jax as oi
address = dask.distributed.LocalCluster(1, threads_per_worker=1, processes=False)
signal = oi.sample_signal("image", size=8)
other = oi.create_study(signal, storage="sqlite:///other.db", width=8, depth=1)
other.tell(other.ask(), 30.0)
def my_training(config, key): return float(config.depth)
""",
    "trajectories.md": """
import numpy as np
import optiinr_jax as oi
draw = np.random.default_rng(0)
y_0, y_half, y_1 = (draw.normal(size=(64, 2)) + i for i in range(3))
x_0, x_half, x_1 = (np.zeros((64, 1)) for i in range(3))
""",
}
# Pages with Python that another test runs; `oi.compare` is run by the notebook of the first search.
ELSEWHERE = {
    "README.md": "test_the_python_of_readme_runs",
    "docs/model_file.md": "tests/integration/inr/test_rounded_files.py",
}


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.S)


def python_of(page):
    """The blocks of a page in one, as they are run; those that need more are run elsewhere."""
    apart = ("__main__", "oi.compare(", *(f"from {library}" for library in LIBRARIES))
    blocks = [block for block in blocks_of(page) if not any(word in block for word in apart)]
    code = "\n".join(blocks)
    for written, run in PARTS.get(page.name, {}).items():
        assert written in code, written
        code = code.replace(written, run)
    return GIVEN.get(page.name, "") + code


def test_no_page_has_python_that_no_test_runs():
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    written = {p.relative_to(ROOT).as_posix() for p in pages if "```python" in p.read_text()}
    run = {page.relative_to(ROOT).as_posix() for page in GUIDES}
    assert written <= run | set(ELSEWHERE)


LIBRARIES = {"optuna_integration": "best_params_", "ax.api": "get_best_parameterization"}


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_optimiser_serves_other_libraries(library, tmp_path):
    """As its guide says, where they are installed."""
    pytest.importorskip(library, exc_type=ImportError)
    blocks = blocks_of(DOCS / "how-to" / "optimiser.md")
    (block,) = [block for block in blocks if f"from {library}" in block]
    assert LIBRARIES[library] in block
    (tmp_path / "guide.py").write_text(block)
    assert run_script(tmp_path / "guide.py")


@pytest.mark.slow
def test_the_python_of_the_guides_runs(tmp_path):
    """As it stands there, all in one process; every page begins with nothing known."""
    pages = {guide.name: python_of(guide) for guide in GUIDES}
    pages = {name: code for name, code in pages.items() if code}
    assert len(pages) >= 9
    runs = [f"exec(compile({code!r}, {name!r}, 'exec'), {{}})" for name, code in pages.items()]
    (tmp_path / "guides.py").write_text("\n".join(runs))
    run_script(tmp_path / "guides.py")


def run_script(path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
