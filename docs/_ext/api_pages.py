"""The reference of the Python names: one page a package, written anew at every build.

A page has every public name of the package's `__init__`, so no name can be forgotten. Signatures
are shown as they are written in the source, with jaxtyping's shapes, which autodoc would expand.
"""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PACKAGES = {  # package -> title of its page
    "optiinr_jax": "The front door",
    "optiinr_jax.signals": "Signals",
    "optiinr_jax.inr": "Networks",
    "optiinr_jax.bo": "The optimiser",
    "optiinr_jax.landscapes": "Learned landscapes",
    "optiinr_jax.trajectories": "Hyperparameter trajectories",
    "optiinr_jax.studies": "Studies",
    "optiinr_jax.report": "Reports",
}
FOLDER = "reference/api"


def public_names(package: str) -> Iterator[tuple[str, Any]]:
    """Names that the package's `__init__` offers, with what they are; modules left out."""
    module = importlib.import_module(package)
    for name, thing in vars(module).items():
        if not name.startswith("_") and not inspect.ismodule(thing):
            yield name, thing


def write_pages(app: Any) -> None:
    """Write the page of every package, and the list of the pages."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    stems = []
    for package, title in PACKAGES.items():
        stem = package.replace(".", "_")
        stems.append(stem)
        _write(folder / f"{stem}.md", _page(package, title))
    toctree = ["```{toctree}", *stems, "```", ""]
    text = "# Python names\n\nOne page a package, from the floor below to the front door.\n\n"
    _write(folder / "index.md", text + "\n".join(toctree))


def _page(package: str, title: str) -> str:
    module = importlib.import_module(package)
    lines = [f"# {title}: `{package}`", "", inspect.getdoc(module) or "", ""]
    names = dict(public_names(package))
    at_home = package != "optiinr_jax"
    for name, thing in names.items():
        full = f"{package}.{name}"
        if isinstance(thing, Mapping):
            lines += [f"## `{name}`", "", *_table(thing), ""]
        elif inspect.isclass(thing) or inspect.isfunction(thing):
            lines += [f"## `{name}`", "", *_directive(full, thing, at_home), ""]
        else:
            lines += [f"## `{name}`", "", f"`{thing!r}`", ""]
    return "\n".join(lines)


def _directive(full: str, thing: Any, at_home: bool) -> list[str]:
    kind = "autoclass" if inspect.isclass(thing) else "autofunction"
    options = ["   :members:"] if inspect.isclass(thing) and at_home else []
    if not at_home:  # the same thing stands on the page of its own package, where links lead
        options.append("   :no-index:")
    return ["```{eval-rst}", f".. {kind}:: {full}", *options, "```"]


def _table(rows: Mapping[Any, Any]) -> list[str]:
    lines = ["| row | |", "|---|---|"]
    for name, row in rows.items():
        text = inspect.getdoc(row) if inspect.isfunction(row) else getattr(row, "summary", None)
        text = text if isinstance(text, str) else _doc_of_parts(row)
        first = text.strip().split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
        lines.append(f"| `{name}` | {first} |")
    return lines


def _doc_of_parts(row: Any) -> str:
    """The docstring of the first function that a row holds."""
    parts = getattr(row, "_asdict", lambda: vars(row) if hasattr(row, "__dict__") else {})()
    docs = [inspect.getdoc(part) for part in parts.values() if inspect.isfunction(part)]
    return next((doc for doc in docs if doc), "")


def _write(path: Path, text: str) -> None:
    """Write a page if it has changed, so that the build reads again only what is new."""
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def as_written(app, what, name, obj, options, signature, returns):
    """A signature as it stands in the source; the fields alone of a Flax module."""
    try:
        node = app.env.temp_data.setdefault("package", _load())[name.removeprefix("optiinr_jax.")]
        node = node.final_target if node.is_alias else node
    except Exception:
        return None  # nothing of ours
    if node.is_class:
        is_flax = any("flax" in base.__module__ for base in getattr(obj, "__mro__", ()))
        fields = [f"{k}: {v.annotation}" for k, v in node.attributes.items() if v.annotation]
        return (f"({', '.join(fields)})", None) if is_flax else None
    if not node.is_function:
        return None
    return f"({', '.join(_parameters(node))})", str(node.returns) if node.returns else None


_loaded: list[Any] = []


def _load() -> Any:
    if not _loaded:
        import griffe  # only the site needs it

        folder = Path(importlib.import_module("optiinr_jax").__file__ or "").parents[1]
        _loaded.append(griffe.load("optiinr_jax", search_paths=[str(folder)]))
    return _loaded[0]


def _parameters(node: Any) -> Iterator[str]:
    seen_star = False
    for parameter in node.parameters:
        if parameter.name == "self":
            continue
        kind = parameter.kind.value
        if kind == "keyword-only" and not seen_star:
            yield "*"
        seen_star |= kind in ("keyword-only", "variadic positional")
        prefix = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        annotation = f": {parameter.annotation}" if parameter.annotation is not None else ""
        has_default = parameter.default is not None and not prefix
        yield f"{prefix}{parameter.name}{annotation}" + (
            f" = {parameter.default}" if has_default else ""
        )


MARKUP = re.compile(r"(?<=[(\s,])\*{1,2}(?=\w)|\|")


def as_text(app, what, name, obj, options, lines):
    """Stars and bars of a docstring are mathematics, no markup: shapes (*b, c) and norms |x|."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...", "*")):
            parts = line.split("`")  # every second one is code
            parts[::2] = [MARKUP.sub(_escape, part) for part in parts[::2]]
            lines[i] = "`".join(parts)


def _escape(found: re.Match[str]) -> str:
    return re.sub(r"([*|])", r"\\\1", found[0])


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-signature", as_written)
    app.connect("autodoc-process-docstring", as_text, priority=400)  # before napoleon
    return {"parallel_read_safe": True}
