"""Follow one argument through the package: which functions it passes, and whether a call climbs.

    python benchmarks/walk.py                                    # a signal, from the command
    python benchmarks/walk.py cli/studies.py search file --all   # every stay
    python benchmarks/walk.py --package OTHER/optiinr_jax studies/api.py search signal

The code is read, not run, and calls are resolved by name: a function of the module or of an import,
or a method that one class alone has, and none of the libraries that are used most. What a value is
assigned to carries it on. A module stands one floor above the highest one it imports, type checking
included; modules in a circle share a floor. A call to a higher floor is a climb: there what is
below has to know what is above.

Then a small real search counts the `Trial` records that are built.
"""

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import jinja2
import numpy as np
import tyro
from flax import linen
from PIL import Image

Function = ast.FunctionDef | ast.AsyncFunctionDef
LIBRARY = (
    dict,
    list,
    set,
    str,
    bytes,
    np.ndarray,
    Path,
    Thread,
    Image.Image,
    linen.Module,
    jinja2.Template,
)
ORDINARY = {name for kind in LIBRARY for name in dir(kind)}
HERE = Path(__file__).parents[1] / "optiinr_jax"


@dataclass
class House:
    """What the source of a package says of its modules, functions and methods."""

    package: Path
    functions: dict[tuple[str, str], Function] = field(default_factory=dict)
    names: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    methods: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    imports: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        """Read every file."""
        trees = {self._name(p): ast.parse(p.read_text()) for p in self.package.rglob("*.py")}
        for module, tree in trees.items():
            self._define(module, tree)
        for module, tree in trees.items():
            self._import(module, tree, set(trees))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.package).with_suffix("")).removesuffix("/__init__")

    def _define(self, module: str, tree: ast.Module) -> None:
        self.names[module] = {}
        for node in tree.body:
            if isinstance(node, Function):
                self.functions[module, node.name] = node
                self.names[module][node.name] = (module, node.name)
            elif isinstance(node, ast.ClassDef):
                self.names[module][node.name] = (module, f"{node.name}.__init__")
                for part in node.body:
                    if isinstance(part, Function):
                        self.functions[module, f"{node.name}.{part.name}"] = part
                        self.methods[part.name].append((module, f"{node.name}.{part.name}"))

    def _import(self, module: str, tree: ast.Module, modules: set[str]) -> None:
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
                self.package.name
            ):
                continue
            source = "/".join((node.module or "").split(".")[1:]) or "__init__"
            for alias in node.names:
                inner = f"{source}/{alias.name}".removeprefix("__init__/")
                target = inner if inner in modules else source
                if target in modules and target != module:
                    self.imports[module].add(target)
                if alias.name in self.names.get(source, {}):
                    name = alias.asname or alias.name
                    self.names[module][name] = self.names[source][alias.name]

    @cache  # noqa: B019
    def floor(self, module: str) -> int:
        """One above the highest module that it imports and that does not import it back."""
        below = [m for m in self.imports[module] if module not in self._above(m)]
        return 1 + max((self.floor(m) for m in below), default=0)

    @cache  # noqa: B019
    def _above(self, module: str) -> frozenset[str]:
        """All modules that this one imports, directly or not."""
        seen, waiting = set(), [module]
        while waiting:
            for target in self.imports[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return frozenset(seen)

    def __hash__(self) -> int:
        """By identity, for the caches."""
        return id(self)


@dataclass
class Walk:
    """One argument on its way."""

    house: House
    stays: list[tuple[int, tuple[str, str], str, int]] = field(default_factory=list)
    seen: set[tuple[tuple[str, str], str]] = field(default_factory=set)

    def enter(self, place: tuple[str, str], name: str, above: int, depth: int = 0) -> None:
        """Pass a function in which the argument is called `name`."""
        if (place, name) in self.seen or place not in self.house.functions:
            return
        self.seen.add((place, name))
        floor = self.house.floor(place[0])
        self.stays.append((depth, place, name, floor - above))
        carried = {name}
        for node in ast.walk(self.house.functions[place]):
            if isinstance(node, ast.Assign) and _mentions(node.value, carried):
                carried |= {t.id for t in ast.walk(node) if _is_target(t)}
            elif isinstance(node, ast.withitem) and _mentions(node.context_expr, carried):
                carried |= {t.id for t in ast.walk(node) if _is_target(t)}
        for node in ast.walk(self.house.functions[place]):
            if isinstance(node, ast.Call):
                self._call(place, node, carried, floor, depth)

    def _call(self, place: Any, node: ast.Call, carried: set[str], floor: int, depth: int) -> None:
        target = self._resolve(place[0], node.func)
        if target is None or target not in self.house.functions:
            return
        names = [a.arg for a in _arguments(self.house.functions[target])]
        skipped = 1 if "." in target[1] else 0
        for i, value in enumerate(node.args):
            if _mentions(value, carried) and i + skipped < len(names):
                self.enter(target, names[i + skipped], floor, depth + 1)
        for keyword in node.keywords:
            if _mentions(keyword.value, carried):
                known = keyword.arg if keyword.arg in names else names[0] if names else "_"
                self.enter(target, known, floor, depth + 1)
        is_carried = isinstance(node.func, ast.Attribute) and _mentions(node.func.value, carried)
        if is_carried and skipped:
            self.enter(target, "self", floor, depth + 1)

    def _resolve(self, module: str, func: ast.expr) -> tuple[str, str] | None:
        if isinstance(func, ast.Name):
            return self.house.names[module].get(func.id)
        if isinstance(func, ast.Attribute):
            found = self.house.methods.get(func.attr, [])
            return found[0] if len(found) == 1 and func.attr not in ORDINARY else None
        return None

    @property
    def climbs(self) -> list[tuple[str, str]]:
        """Functions that a lower floor called."""
        return [place for depth, place, _, up in self.stays if depth and up > 0]


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))


def _is_target(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _arguments(function: Function) -> list[ast.arg]:
    args = function.args
    return [*args.posonlyargs, *args.args, *args.kwonlyargs]


def count_records(num_trials: int) -> float:
    """`Trial` records that a search builds, a trial."""
    import optiinr_jax as oi
    from optiinr_jax.studies import trials

    built, make = [0], trials.Trial.__init__

    def counted(self: Any, *args: Any, **options: Any) -> None:
        built[0] += 1
        make(self, *args, **options)

    trials.Trial.__init__ = counted  # type: ignore[method-assign]
    try:
        oi.search(
            oi.sample_signal("image", size=8),
            num_trials=num_trials,
            num_initial=num_trials,
            num_steps=100,
            width=16,
            depth=1,
            strategy="random",
            max_failures=num_trials,
            progress=False,
        )
    finally:
        trials.Trial.__init__ = make  # type: ignore[method-assign]
    return built[0] / num_trials


def main(
    module: tyro.conf.Positional[str] = "cli/studies.py",
    function: tyro.conf.Positional[str] = "search",
    argument: tyro.conf.Positional[str] = "file",
    /,
    *,
    package: Path = HERE,
    all: bool = False,
) -> None:
    """Walk, and count records.

    Args:
        module: file of the package in which the walk begins.
        function: where it begins.
        argument: whose way it is.
        package: source that is read.
        all: print every stay, not the climbs alone.
    """
    house = House(package)
    walk, place = Walk(house), (module.removesuffix(".py"), function)
    walk.enter(place, argument, house.floor(place[0]))
    for depth, (room, name), carried, up in walk.stays if all else []:
        sign = "UP" if depth and up > 0 else ""
        print(f"{'  ' * depth}{room}: {name}({carried})  floor {house.floor(room)} {sign}")
    rooms = {room for _, (room, _), _, _ in walk.stays}
    print(f"{argument} of {function}: {len(walk.stays)} functions in {len(rooms)} modules")
    print(f"{len(walk.climbs)} climbs: {', '.join(f'{m}.{f}' for m, f in walk.climbs) or 'none'}")
    if package == HERE:
        for num_trials in (12, 48):
            print(f"Trial records a trial, of {num_trials}: {count_records(num_trials):.2f}")


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    tyro.cli(main)
