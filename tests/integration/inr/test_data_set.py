"""Many signals of one shape in one process: one compilation, and memory that does not grow."""

import gc
from pathlib import Path

import jax
import numpy as np
import pytest

import optiinr_jax as oi

NUM_SIGNALS = 60
MAX_GROWTH = 20e6  # bytes
rng = np.random.default_rng(0)


def sound(i: int) -> oi.Signal:
    attributes = {"sample_rate": 8000.0 + i, "peak": float(rng.random())}
    return oi.make_signal("audio", rng.uniform(-1, 1, (64, 1)), attributes=attributes)


def solid(i: int) -> oi.Signal:
    ends = {f"{end}_{a}": way * (1.0 + i) for end, way in (("low", -1), ("high", 1)) for a in "xyz"}
    return oi.make_signal("volume", rng.random((6, 6, 6, 1)) > 0.5, attributes=ends)


def use(signal: oi.Signal, path: Path) -> None:
    """All that is usually done with one signal of a data set."""
    config = oi.preset("siren", modality=signal.kind, width=8, depth=2)
    inr = oi.fit(signal, config, num_steps=3, progress=False, warn=False)
    inr.evaluate(signal)
    inr.render()
    signal.at(np.zeros((3, signal.num_dims)))
    inr.save(path)
    oi.load_inr(path).predict(np.zeros((5, signal.num_dims)))


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("make", [sound, solid])
def test_attributes_cost_no_compilation_and_no_memory(make, tmp_path):
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell the memory of a process in /proc")
    compiled: list[str] = []

    def note(event: str, seconds: float, **facts: object) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(str(facts.get("fun_name")))

    for i in range(3):
        use(make(i), tmp_path / "a.inr.safetensors")
    gc.collect()
    before = resident()
    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        for i in range(3, 3 + NUM_SIGNALS):
            use(make(i), tmp_path / "a.inr.safetensors")
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
    gc.collect()
    assert compiled == []
    assert resident() - before < MAX_GROWTH
