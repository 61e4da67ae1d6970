"""The rules of the house as functions of a source tree: each gives the faults it finds.

A tree is a folder that holds one package; its name is that of the folder. `test_architecture.py`
asks them of ours, and of small trees with a fault of each kind.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

Faults = list[str]
# Names with one underscore that belong to everybody: those of NamedTuple and of notebooks.
_COMMON = {"_replace", "_asdict", "_fields", "_make", "_repr_html_"}


def modules(package: Path) -> dict[str, Path]:
    """Every file by the name it is imported by; a package by its own."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: set[str]) -> set[str]:
    """Modules of the tree that a file imports: anywhere in it, for types too, however written."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    targets = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*above, *filter(None, [node.module])]) if node.level else node.module
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in names:
            while target and target not in known:  # a name in a module, or nothing of ours
                target = target.rpartition(".")[0]
            targets.add(target)
    return targets - {"", name}


def import_graph(package: Path) -> dict[str, set[str]]:
    """Module -> modules of the tree that it imports."""
    files = modules(package)
    return {name: imported(name, path, set(files)) for name, path in files.items()}


def part_of(name: str) -> str:
    """The folder or file right below the package that a module belongs to; "" is the front door."""
    return [*name.split("."), ""][1]


def check_floors(package: Path, floors: list[set[str]]) -> Faults:
    """Imports go down the floors, or stay within a part of the house."""
    floor = {part: i for i, parts in enumerate(floors) for part in parts}
    graph = import_graph(package)
    unknown = sorted({part_of(name) for name in graph} - set(floor))
    faults = [f"{part!r} stands on no floor" for part in unknown]
    for name, targets in graph.items():
        for target in sorted(targets):
            here, there = part_of(name), part_of(target)
            if here != there and not floor.get(there, 99) < floor.get(here, -1):
                faults.append(f"{name} imports {target}, which is not below it")
    return faults


def check_towers(package: Path, towers: set[str], bridges: set[str]) -> Faults:
    """Two towers are joined in a few parts alone."""
    faults = []
    for name, targets in import_graph(package).items():
        joined = towers & ({part_of(target) for target in targets} | {part_of(name)})
        if len(joined) > 1 and part_of(name) not in bridges:
            faults.append(f"{name} joins {' and '.join(sorted(joined))}")
    return faults


def check_circles(package: Path) -> Faults:
    """No module imports itself by way of others."""
    graph = import_graph(package)

    def reach(start: str) -> set[str]:
        found, todo = set(), [start]
        while todo:
            for target in graph[todo.pop()] - found:
                found.add(target)
                todo.append(target)
        return found

    reached = {name: reach(name) for name in graph}
    circles = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return [f"{' and '.join(circle)} import each other" for circle in sorted(circles)]


def _public_names(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Names without an underscore that a module binds at its top, with what binds them."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        yield from ((name, node) for name in names if not name.startswith("_"))


def check_names(package: Path) -> Faults:
    """No public name of a package hides a module or a folder of it."""
    files = modules(package)
    faults = []
    for name, path in files.items():
        if path.name != "__init__.py":
            continue
        below = {n.removeprefix(name + ".") for n in files if n.startswith(name + ".")}
        for public, node in _public_names(path):
            module = f"{name}.{public}"
            is_itself = isinstance(node, ast.ImportFrom) and module in imported_modules(node, name)
            if public in below and not is_itself:
                faults.append(f"{name}.{public} hides the module of that name")
    return faults


def imported_modules(node: ast.ImportFrom, package: str) -> set[str]:
    """Full names of what a `from` statement in the front door of a package takes."""
    base = node.module or ""
    if node.level:
        base = ".".join(filter(None, [package, base]))
    return {f"{base}.{alias.name}" for alias in node.names}


def _own_private_names(trees: list[ast.Module]) -> set[str]:
    """Names with an underscore that the tree itself gives to something."""
    own = set(_COMMON)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own.add(node.attr)
    return own


def is_private(name: str) -> bool:
    """Whether it begins with an underscore and is no magic name."""
    return name.startswith("_") and not name.endswith("__") and name != "_"


def check_private_names(package: Path, allowed: set[str]) -> Faults:
    """Private names of other people's libraries stand in a few files, by their names."""
    files = modules(package)
    trees = {name: ast.parse(path.read_text()) for name, path in files.items()}
    own = _own_private_names(list(trees.values()))
    faults = []
    for name, tree in trees.items():
        if name in allowed:
            continue
        for node in ast.walk(tree):
            found: list[str] = []
            if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
                found = [node.attr]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                base = (getattr(node, "module", "") or "").split(".")
                parts = [*base, *(part for alias in node.names for part in alias.name.split("."))]
                is_ours = base[0] == package.name or getattr(node, "level", 0) > 0
                found = [] if is_ours else [part for part in parts if is_private(part)]
            faults += [f"{name}:{node.lineno} uses {text}, which is private" for text in found]
    return faults


def check_documented(package: Path) -> Faults:
    """Every module, public function, class, method and property says what it is."""
    faults = []
    for name, path in modules(package).items():
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            faults.append(f"{name} has no docstring")
        for node in _definitions(tree):
            inner = _definitions(node) if isinstance(node, ast.ClassDef) else []
            for part in [node, *inner]:
                if not ast.get_docstring(part):
                    faults.append(f"{name}.{part.name} has no docstring")
    return faults


def _definitions(
    tree: ast.Module | ast.ClassDef,
) -> list[ast.FunctionDef | ast.ClassDef]:
    """Public functions and classes of a body; the typed forms of an overloaded one left out."""
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not any("overload" in ast.unparse(d) for d in node.decorator_list)
    ]


def check_lengths(
    package: Path, max_lines: int, max_code: int, long: dict[str, str] | None = None
) -> Faults:
    """No file and no function is too long; `long` has the functions that may be, with the reason.

    Args:
        max_lines: of a file.
        max_code: lines of a function that are no docstring.
    """
    faults, unused = [], set(long or {})
    for name, path in modules(package).items():
        text = path.read_text()
        count = len(text.splitlines())
        if count > max_lines:
            faults.append(f"{name} has {count} lines, more than {max_lines}")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef):
                continue
            code = node.end_lineno - node.lineno + 1  # type: ignore[operator]
            if ast.get_docstring(node):
                code -= node.body[0].end_lineno - node.body[0].lineno + 1  # type: ignore[operator]
            full = f"{name}.{node.name}"
            if code > max_code and full not in unused:
                faults.append(f"{full} has {code} lines of code, more than {max_code}")
            elif code > max_code:
                unused.discard(full)
    return faults + [f"{full} is not long any more" for full in sorted(unused)]
