"""What the searches of `between_samples` found: docs/between_samples.md and its figure.

Command: python -m experiments.between_samples_page more   (first winners; longer and wider fits)
         python -m experiments.between_samples_page page   (from all that is there)
Time: more 30 minutes on one core, in pieces that resume; page a minute.
Expected: experiments/results/between_more.json, docs/between_samples.md and .png.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tyro

import optiinr_jax as oi
from experiments.between_samples import (
    FEW,
    PICTURES,
    SIDE,
    SOLIDS,
    SOUNDS,
    load,
    measure,
    spline,
)
from experiments.between_samples_figure import (
    MORE,
    OBJECTIVES,
    Record,
    _best_published,
    _extra_pair,
    _pair,
    draw,
)
from experiments.protocol import PRESETS, fresh_key, scale_encoding
from experiments.records import keep_result, read_result, read_results
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import FourierFeatures, NetworkConfig
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.presets import RULE

DOCS = Path(__file__).parents[1] / "docs"


def more() -> None:
    """First winners on these pictures by both rules; what was found, trained longer and wider."""
    known = read_result(MORE) or {}
    first = {r["signal"]: r for r in read_results("images") if r["contender"] == "optiinr"}
    for name in PICTURES:
        old = NetworkConfig.from_json(first[name]["fresh"]["found"]["config"])
        old = replace(scale_encoding(old), batch_size=None)
        new = replace(old, **{**RULE, "sampling": "shifted"})
        rows = {"first winner, first rule": (old, 500), "first winner, new rule": (new, 500)}
        if (found := _found(name)) is not None:
            rows["found, 2 000 steps"] = (found, 2000)
            rows["found at width 96, 2 000 steps"] = (_wider(found, 96), 2000)
        for label, (config, num_steps) in rows.items():
            key = f"{name}: {label}"
            if key not in known:
                known[key] = _train(name, config, num_steps)
                print(key, known[key], keep_result(MORE, known), flush=True)


def _found(name: str) -> NetworkConfig | None:
    records = read_results("between", "quick/continuous")
    own = [r for r in records if r["signal"] == name and r["contender"] == "optiinr"]
    return NetworkConfig.from_json(own[0]["fresh"]["found"]["config"]) if own else None


def _wider(config: NetworkConfig, width: int) -> NetworkConfig:
    return scale_encoding(replace(config, width=width))


def _train(name: str, config: NetworkConfig, num_steps: int) -> dict[str, float]:
    inr = oi.fit(
        load(name, "quick"),
        config,
        objective="continuous",
        num_steps=num_steps,
        key=fresh_key(0, 0),
        share_program=True,
        progress=False,
        warn=False,
    )
    return measure(name, inr)


def page() -> None:
    """Write the page."""
    records = {
        (objective, r["signal"], r["contender"]): r
        for objective in OBJECTIVES
        for r in read_results("between", f"quick/{objective}")
    }
    draw(DOCS / "between_samples.png", records)
    parts = [*_head(), *_pictures(records), *_sounds(records), *_solids(records), *_wins(records)]
    print(write_atomic(DOCS / "between_samples.md", ("\n".join(parts) + "\n").encode()))


def _head() -> Iterator[str]:
    yield "# Right between the samples?\n"
    yield (
        "Written by `python -m experiments.between_samples_page page` from `python -m "
        "experiments.between_samples` (both objectives) and `... between_samples_page more`. A "
        "network is a function that anybody may ask anywhere, but it is usually scored at the "
        "samples it was trained on. Here the truth between them is known and was kept from every "
        "search: pictures of 192 x 192 (blurred a little, so that every second pixel aliases "
        "little) of which every second pixel is trained; a tenth of a second of sound at half its "
        "rate; solids asked at three times the voxels. 40 trainings a search, 4 layers of 48 "
        "units, 500 steps, means of three fresh seeds.\n"
    )
    yield "![a detail, and all pictures at and between their samples](between_samples.png)\n"
    yield (
        "Above, a detail of kodim04 at eight times the size. Below, one mark a picture and "
        "contender, beside what a cubic spline through the samples has between them. A "
        "search that rates the samples alone buys its last decibels with oscillation between them; "
        "one that counts both does not, and loses little at the samples.\n"
    )


def _pictures(records: dict[Any, Record]) -> Iterator[str]:
    extra = read_result(MORE) or {}
    columns: dict[str, Any] = {}
    for is_own, label in ((True, "published, authors' rules"), (False, "published, our rule")):
        columns[label] = lambda n, is_own=is_own: _published_pair(records, n, is_own)
    for label in ("first winner, first rule", "first winner, new rule"):
        columns[label] = lambda n, label=label: _extra_pair(extra, n, label)
    columns['found, "samples"'] = lambda n: _found_pair(records, "samples", n)
    columns['found, "continuous"'] = lambda n: _found_pair(records, "continuous", n)
    columns["one family + encoding"] = lambda n: _found_pair(
        records, "continuous", n, "encoded_family"
    )
    columns["random search"] = lambda n: _found_pair(records, "continuous", n, "random")
    for label in ("found, 2 000 steps", "found at width 96, 2 000 steps"):
        columns[label] = lambda n, label=label: _extra_pair(extra, n, label)
    yield "## Pictures\n"
    yield (
        "PSNR in dB at the samples / between them. Published: the best network of SIREN, FINER, "
        "FINER++ WF and GF, FR, IGA, Fourier features, PEMLP and ReLU by its score under that "
        "objective, under the better of the authors' and the OptiINR paper's protocol, and trained "
        "by our rule at the best of five factors on the authors' rate. First winner: what the "
        "first searches found (at the samples, AdamW), on these signals. The last three searches "
        "and fits are of the continuous objective.\n"
    )
    yield f"| picture | cubic spline, between | {' | '.join(columns)} |"
    yield "|---|---|" + "---|" * len(columns)
    pairs: dict[str, list[tuple[float, float] | None]] = {label: [] for label in columns}
    for name in PICTURES:
        for label, get in columns.items():
            pairs[label].append(get(name))
        row = [_text(pairs[label][-1]) for label in columns]
        yield f"| {name} | {spline(name)['between']:.2f} | {' | '.join(row)} |"
    few = [i for i, name in enumerate(PICTURES) if name in FEW]
    for title, chosen in (("mean of eight", range(len(PICTURES))), ("mean of the four", few)):
        middle = [_text(_mean_pair([pairs[label][i] for i in chosen])) for label in columns]
        middle_spline = statistics.fmean(spline(PICTURES[i])["between"] for i in chosen)
        yield f"| **{title}** | {middle_spline:.2f} | {' | '.join(middle)} |"
    yield ""
    yield from _gains(pairs)


def _gains(pairs: dict[str, list[tuple[float, float] | None]]) -> Iterator[str]:
    """What the found networks gain between the samples, picture by picture."""
    found = pairs['found, "continuous"']
    yield '`found, "continuous"` between the samples, above:\n'
    for label in pairs:
        both = [(a, b) for a, b in zip(found, pairs[label], strict=True) if a and b]
        if label != 'found, "continuous"' and len(both) > 1:
            gains = [a[1] - b[1] for a, b in both]
            better = sum(gain > 0 for gain in gains)
            yield (
                f"- {label}: {statistics.fmean(gains):+.2f} dB "
                f"[{min(gains):+.2f}, {max(gains):+.2f}], better on {better} of {len(gains)}"
            )
    lost = [a[1] - spline(n)["between"] for n, a in zip(PICTURES, found, strict=True) if a]
    if lost:
        yield (
            f"- the cubic spline: {statistics.fmean(lost):+.2f} dB [{min(lost):+.2f}, "
            f"{max(lost):+.2f}]\n"
        )


def _published_pair(
    records: dict[Any, Record], name: str, is_own: bool
) -> tuple[float, float] | None:
    record = records.get(("continuous", name, PRESETS))
    return _pair(_best_published(record, is_own=is_own)) if record else None


def _found_pair(
    records: dict[Any, Record], objective: str, name: str, contender: str = "optiinr"
) -> tuple[float, float] | None:
    record = records.get((objective, name, contender))
    return _pair(record["fresh"]["found"]) if record else None


def _mean_pair(pairs: list[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [pair for pair in pairs if pair is not None]
    if len(known) < len(pairs):
        return None
    return statistics.fmean(p[0] for p in known), statistics.fmean(p[1] for p in known)


def _text(pair: tuple[float, float] | None) -> str:
    return "-" if pair is None else f"{pair[0]:.2f} / {pair[1]:.2f}"


def _sounds(records: dict[Any, Record]) -> Iterator[str]:
    yield "## A sound\n"
    yield (
        "A tenth of a second of Bach at 22 050 Hz. At and between the samples against their "
        "band-limited interpolation, and against the file's own 44 100 Hz, which holds what the "
        "lower rate cannot.\n"
    )
    yield "| network | objective | at the samples | between | at the file's own rate |"
    yield "|---|---|---|---|---|"
    for name in SOUNDS:
        for (objective, signal, contender), record in records.items():
            if signal != name:
                continue
            rows = {contender: record["fresh"].get("found")}
            if contender == PRESETS:
                chosen = [_best_published(record, is_own=own) for own in (True, False)]
                rows = {row["label"]: row for row in chosen}
            for label, row in rows.items():
                parts = [_over_seeds(row[key]) for key in ("samples", "between")]
                parts.append(_over_seeds([m and m["between"] for m in row["measured"]]))
                yield f"| {label} | {objective} | {' | '.join(parts)} |"
        control = next(r["control"] for (_, s, _), r in records.items() if s == name)
        yield f"| linear interpolation |  | - | {control:.2f} | - |\n"


def _over_seeds(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    spread = f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.2f}{spread}" if known else "diverged"


def _solids(records: dict[Any, Record]) -> Iterator[str]:
    yield "## Solids\n"
    yield (
        "IoU with the mesh at the voxels' centres, and on a grid of three times the voxels; parts "
        "and volume (over the mesh's) of the surface that `export --scale 2` and `--scale 4` "
        "write, first seed. The bunny's mesh has holes: its volume is that of its voxels at three "
        "times the size.\n"
    )
    yield (
        "| solid | network | objective | at the voxels | at 3 x | parts, 2 x and 4 x | "
        "volume, 2 x and 4 x | trilinear |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name in SOLIDS:
        volume = _volume(name)
        for (objective, signal, contender), record in records.items():
            if signal != name:
                continue
            rows = {contender: record["fresh"].get("found")}
            if contender == PRESETS:
                chosen = [_best_published(record, is_own=own) for own in (True, False)]
                rows = {row["label"]: row for row in chosen}
            for label, row in rows.items():
                first = next((m for m in row["measured"] if m), None)
                if first is None:
                    continue
                at = statistics.fmean(x for x in row["samples"] if x is not None)
                fine = statistics.fmean(m["between"] for m in row["measured"] if m)
                parts = [f"{first[f'parts at {s}']:.0f}" for s in (2, 4)]
                sizes = [f"{first[f'volume at {s}'] / volume:.3f}" for s in (2, 4)]
                yield (
                    f"| {name} | {label} | {objective} | {at:.4f} | {fine:.4f} | "
                    f"{', '.join(parts)} | {', '.join(sizes)} | {record['control']:.4f} |"
                )
    yield ""


def _volume(name: str) -> float:
    """Volume of the solid: its full cells at three times the voxels."""
    from experiments.between_samples import FINER, solid_truth

    signal, truth = load(name, "quick"), solid_truth(name)
    lengths = [
        (signal.attributes[f"high_{a}"] - signal.attributes[f"low_{a}"]) / (n - 1)
        for a, n in zip("xyz", signal.shape, strict=True)
    ]
    return float(truth.sum()) * math.prod(lengths) / FINER**3


def _wins(records: dict[Any, Record]) -> Iterator[str]:
    yield "## What wins under which objective\n"
    yield (
        "Of the found configurations: families of their 4 layers over all pictures, the scale of "
        "the encoding in units of the grid's Nyquist frequency, and omega.\n"
    )
    yield (
        "| objective | pictures | layers | with an encoding | its scale, median [range] | "
        "omega, median [range] | learning rate |"
    )
    yield "|---|---|---|---|---|---|---|"
    first = {r["signal"]: r for r in read_results("images") if r["contender"] == "optiinr"}
    groups = {
        "first searches (samples, AdamW)": [first[name] for name in PICTURES],
        **{
            objective: [
                r
                for (o, name, c), r in records.items()
                if o == objective and c == "optiinr" and name in PICTURES
            ]
            for objective in OBJECTIVES
        },
    }
    nyquist = (SIDE - 1) / 4.0
    for objective, chosen in groups.items():
        if not chosen:
            continue
        configs = [NetworkConfig.from_json(r["fresh"]["found"]["config"]) for r in chosen]
        layers = [layer for config in configs for layer in config.layers]
        counts = Counter(layer.activation for layer in layers)
        scales = [
            as_number(c.encoding.sigma) / nyquist
            for c in configs
            if isinstance(c.encoding, FourierFeatures)
        ]
        omegas = [as_number(x.numbers["omega"]) for x in layers if "omega" in x.numbers]
        rates = [as_number(layer.learning_rate) for layer in layers]
        families = ", ".join(f"{family} {count}" for family, count in counts.most_common())
        parts = [f"{len(scales)} of {len(chosen)}", *map(_range, (scales, omegas, rates))]
        yield f"| {objective} | {len(chosen)} | {families} | {' | '.join(parts)} |"
    yield ""


def _range(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"more": more, "page": page})
