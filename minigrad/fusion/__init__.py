"""Speed from the maths as written: a body is traced once, its forward and its backward are compiled."""

from .pointwise import fuse
from .recurrence import recurrence

__all__ = ["fuse", "recurrence"]
