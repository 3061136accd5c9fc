"""What generated loops are made of: rows of arrays that are cut out for nothing."""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import imputils

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
        return view(context, builder, signature, array, start, size)._getvalue()

    return kind(array, types.intp, types.intp), generate


@intrinsic
def flat_from(context: Any, array: Any, start: Any) -> Any:
    """array.reshape(-1)[start:], which keeps the array alive: of one type for all shapes, so that functions compile
    once."""
    kind = types.Array(array.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, start = arguments
        source = context.make_array(signature.args[0])(context, builder, array)
        size = builder.sub(source.nitems, start)
        kept = view(context, builder, signature, array, start, size)
        kept.meminfo, kept.parent = source.meminfo, source.parent
        return imputils.impl_ret_borrowed(context, builder, kind, kept._getvalue())

    return kind(array, types.intp), generate


def view(context: Any, builder: Any, signature: Any, array: Any, start: Any, size: Any) -> Any:
    """The array structure of a part of a C-contiguous array's memory, owned by nobody."""
    source = context.make_array(signature.args[0])(context, builder, array)
    part = context.make_array(signature.return_type)(context, builder)
    context.populate_array(
        part,
        data=builder.gep(source.data, [start]),
        shape=[size],
        strides=[source.itemsize],
        itemsize=source.itemsize,
        meminfo=None,
        parent=None,
    )
    return part
