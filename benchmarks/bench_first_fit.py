"""CPU-seconds until a first fit has trained, compilation included, and of a step afterwards: LLVM's
level for training programs on a processor against its own default, in processes of their own.

    python benchmarks/bench_first_fit.py
"""

import json
import subprocess
import sys
import time

ROUNDS = 3
SIZES = ((64, 48, 200), (256, 256, 3))  # pixels a side, width, steps of the later fits


def fit(is_quick: bool, side: int, width: int, num_steps: int) -> None:
    """Print the CPU-seconds of a first fit of two steps, and of a step of a later one."""
    import optiinr_jax as oi
    from optiinr_jax import numerics

    if not is_quick:
        numerics.QUICK_COMPILATION.clear()
    signal = oi.sample_signal("image", side)
    network = oi.recommend(signal, 1, width=width)[0].config

    def seconds(num_steps: int) -> float:
        begin = time.process_time()
        oi.fit(signal, network, num_steps=num_steps, progress=False, warn=False)
        return time.process_time() - begin

    first, rest = seconds(2), seconds(2)
    step = (seconds(num_steps + 2) - rest) / num_steps
    print(json.dumps({"first": round(first, 2), "step": round(step, 4)}))


def main() -> None:
    """Let both take turns and print what each says."""
    if len(sys.argv) > 1:
        fit(sys.argv[1] == "quick", *map(int, sys.argv[2:]))
        return
    for size in SIZES:
        for _ in range(ROUNDS):
            for name in ("default", "quick"):
                command = [sys.executable, __file__, name, *map(str, size)]
                done = subprocess.run(command, capture_output=True, check=True, text=True)
                print(f"{size[0]} x {size[0]}, width {size[1]}, {name}: {done.stdout.strip()}")


if __name__ == "__main__":
    main()
