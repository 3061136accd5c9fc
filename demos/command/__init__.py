"""What all demos share: options, the way from data to report, saved models, files of the user's, pictures."""

from .demo import Demo, Report, Result, Training, say
from .files import Refusal, bad_line, numbered_lines, read_text
from .options import CELLS, About, Figure, Settings, network, no_options
from .sample import Sample

__all__ = [
    "CELLS", "About", "Demo", "Figure", "Refusal", "Report", "Result", "Sample", "Settings", "Training",
    "bad_line", "network", "no_options", "numbered_lines", "read_text", "say",
]  # fmt: skip
