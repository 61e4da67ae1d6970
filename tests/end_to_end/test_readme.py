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


GUIDES = [ROOT / "docs" / "start.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]


@pytest.mark.slow
def test_the_python_of_the_guides_runs(tmp_path):
    """As it stands there, all in one process; every page begins with nothing known."""
    pages = {
        guide.name: "\n".join(re.findall(r"```python\n(.*?)```", guide.read_text(), re.S))
        for guide in GUIDES
    }
    pages = {name: code for name, code in pages.items() if code}
    assert len(pages) >= 6
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
