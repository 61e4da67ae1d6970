"""The command `optiinr`, which Ctrl-C ends with a sentence from its first moment on.

It lies outside the package, whose import takes a second or two: the version and the list of verbs
are read from its files without it.
"""

import ast
import os
import sys
from importlib.util import find_spec
from pathlib import Path

INTERRUPTED = 130


def main() -> None:
    """Run the command."""
    try:
        if sys.argv[1:] in (["--version"], ["--help"], ["-h"]):
            print(_version() if sys.argv[1] == "--version" else _overview())
            return
        from optiinr_jax.cli.main import main as run

        run()
    except KeyboardInterrupt:  # later ones are taken care of by `run`
        print("optiinr: interrupted before it began.", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)


def _version() -> str:
    return f"optiinr {_constants('__init__.py')['__version__']}"


def _overview() -> str:
    """What the verbs do, by the first lines of their docstrings."""
    constants = _constants("cli/main.py")
    lines = ["usage: optiinr VERB [OPTIONS]", "", constants["DESCRIPTION"], ""]
    for verb, place in constants["VERBS"].items():
        module, function = place.split(".")
        lines.append(f"  {verb:10} {_summary(f'cli/{module}.py', function)}")
    return "\n".join([*lines, "", "`optiinr VERB --help` shows the options of a verb."])


def _summary(file: str, function: str) -> str:
    defined = (node for node in _parsed(file).body if isinstance(node, ast.FunctionDef))
    found = next(node for node in defined if node.name == function)
    return (ast.get_docstring(found) or "").splitlines()[0]


def _constants(file: str) -> dict:
    """The literals that a file of the package names at its top."""
    found = {}
    for node in _parsed(file).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Dict):
            found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    return found


def _parsed(file: str) -> ast.Module:
    spec = find_spec("optiinr_jax")
    if spec is None or spec.origin is None:
        raise ImportError("optiinr_jax is not installed; run pip install optiinr-jax.")
    return ast.parse((Path(spec.origin).parent / file).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
