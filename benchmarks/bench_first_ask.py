"""CPU-seconds until the first guided point, in processes of their own: with nothing compiled yet,
and with the compiled programs that an earlier process kept on disk.

    python benchmarks/bench_first_ask.py

Thirty random points of `inr_chain` (14 dimensions) are told before. `import` is not part of `ask`.
`before` is the engine as its first versions compiled it (`quick=False`).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def ask(quick: bool) -> None:
    """Print the CPU-seconds of the import, of the first ask, and of the next one."""
    begin = time.process_time()
    from mixed_problems import make

    from optiinr_jax.bo import Optimizer

    problem = make("inr_chain", 0)
    imported = time.process_time() - begin
    optimizer = Optimizer(problem.space, num_initial=10, quick=quick)
    for point in problem.space.sample(0, 30):
        optimizer.tell(point, problem.value(point))
    seconds = []
    for _ in range(2):
        begin = time.process_time()
        optimizer.ask()
        seconds.append(round(time.process_time() - begin, 2))
    print(json.dumps({"import": round(imported, 2), "first": seconds[0], "next": seconds[1]}))


def main() -> None:
    """Run the processes one after the other and print what they say."""
    if len(sys.argv) > 1:
        ask(sys.argv[1] == "quick")
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in ("before", "quick"):
            kept = Path(folder) / name
            for state in ("nothing compiled", "kept on disk"):
                environment = os.environ | {
                    "JAX_COMPILATION_CACHE_DIR": str(kept),
                    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
                }
                command = [sys.executable, __file__, name]
                done = subprocess.run(command, env=environment, capture_output=True, check=True)
                print(f"{name}, {state}: {done.stdout.decode().strip()}", flush=True)


if __name__ == "__main__":
    main()
