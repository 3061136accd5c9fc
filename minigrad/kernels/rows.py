"""What generated loops are made of: rows of arrays that are cut out for nothing."""

from typing import Any

from llvmlite import ir
from numba import extending, types

from .compile import compiled

intrinsic: Any = extending.intrinsic  # its type hints ask for the context, which no call gives


@intrinsic
def arguments_apart(context: Any) -> Any:
    """Promise that no two array arguments of the function that says so overlap: LLVM need not ask."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def row(context: Any, array: Any, start: Any, size: Any) -> Any:
    """array.reshape(-1)[start : start + size], for a C-contiguous array that outlives it: no reference is counted."""
    kind = types.Array(array.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start, size = arguments
        source = context.make_array(signature.args[0])(context, builder, array)
        view = context.make_array(kind)(context, builder)
        context.populate_array(
            view,
            data=builder.gep(source.data, [start]),
            shape=[size],
            strides=[source.itemsize],
            itemsize=source.itemsize,
            meminfo=None,
            parent=None,
        )
        return view._getvalue()

    return kind(array, types.intp, types.intp), generate


@compiled
def flat_from(array: Any, start: int) -> Any:
    """array.reshape(-1)[start:], as `row`: of one type for arrays of any shape, so that functions compile once."""
    return row(array, start, array.size - start)
