"""The types of the options: how each is shown in a help, and what it takes."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, arg

Sample = Literal["image", "audio", "volume", "field", "video", "points"]
Kind = Annotated[Sample | None, arg(help_behavior_hint="")]
File = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
Model = Annotated[Path, arg(metavar="MODEL")]
Storage = Annotated[str, arg(metavar="STORAGE")]
Out = Annotated[Path | None, arg(aliases=["-o"], metavar="PATH", help_behavior_hint="")]
Text = Annotated[str | None, arg(metavar="TEXT", help_behavior_hint="")]
Count = Annotated[int | None, arg(metavar="INT", help_behavior_hint="")]
Number = Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint="")]
MaskFile = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
PortfolioFile = Annotated[Path | None, arg(metavar="JSON", help_behavior_hint="")]
Flag = Annotated[bool, FlagCreatePairsOff]
Json = Annotated[bool, arg(name="json")]
