"""Speed from the maths as written: a body is traced once, its forward and its backward are compiled."""

from .. import ops
from ..shortcut import at_length
from .pointwise import fuse, of_op
from .recurrence import recurrence
from .rule import in_one_pass

__all__ = ["fuse", "recurrence"]

_SEVERAL_PASSES = ops.erf, ops.gelu, ops.relu, ops.sigmoid, ops.silu, ops.softplus, ops.tanh  # in NumPy, by their rules
for _op in (*_SEVERAL_PASSES, ops.exp, ops.log):
    at_length[_op.primitive] = of_op(_op)
for _op in _SEVERAL_PASSES:
    _op.primitive.rule = in_one_pass(_op.primitive.rule, _op.primitive.name)
