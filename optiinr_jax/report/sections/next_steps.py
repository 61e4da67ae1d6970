"""What to do with the network that was found: commands and Python to copy."""

from typing import NamedTuple

from optiinr_jax.inr.display import sizes_label
from optiinr_jax.inr.exports import MAX_COMPONENTS
from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import count_label
from optiinr_jax.signals.kinds import get_kind


class NextSteps(NamedTuple):
    """Where the network is, and what makes something of it.

    Attributes:
        model: file of the network.
        sizes: bytes of it, and of the same signal in the usual formats.
        num_params: trained parameters.
        commands: command lines.
        python: lines of Python.
    """

    model: str
    sizes: str
    num_params: str
    commands: tuple[str, ...]
    python: tuple[str, ...]


def make_next_steps(facts: Facts) -> NextSteps | None:
    """Commands for the model file; None where there is no file."""
    if facts.model_name is None:
        return None
    inr, model = facts.inr, facts.model_name
    suffix = get_kind(inr.frame.kind).suffix
    commands = [f"optiinr render {model} --scale 2 -o larger{suffix}"]
    if get_kind(inr.frame.kind).is_binary:
        commands = [f"optiinr export {model} --scale 2 -o larger{suffix}"]
    larger = inr.frame.scaled(2.0).shape
    shape = ", ".join(map(str, (*larger, inr.frame.num_channels)))
    forms = "--html  # a page that draws it; or --torch, --onnx"
    if max(inr.frame.num_dims, inr.frame.num_channels) > MAX_COMPONENTS:
        forms = "--torch  # or --onnx"
    commands.append(f"optiinr export {model} {forms}")
    return NextSteps(
        model=model,
        sizes=sizes_label(inr.sizes(facts.signal)),
        num_params=count_label(inr.num_params),
        commands=(*commands, f"optiinr eval {model} FILE"),
        python=(
            "import optiinr_jax as oi",
            f'inr = oi.load_inr("{model}")',
            f"samples = inr.render(2.0)  # an array of shape ({shape})",
            "values = inr(coords)  # a JAX function, to differentiate or compile",
        ),
    )
