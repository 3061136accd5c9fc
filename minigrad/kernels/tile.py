"""The micro-kernel of every matrix product: C[rows, columns] (+)= A[rows, k] B[k, columns] for one tile of C.

A tile is up to 6 rows by 4 vectors, because its 24 sums then stay in the processor's registers for the whole loop
over k: each turn loads 4 vectors of B once and multiplies them with 6 numbers of A, so that arithmetic and not
memory sets the pace (Goto and van de Geijn 2008). LLVM does not find this by itself in a loop over numbers, so the
loop is written here in LLVM's own terms, with vectors as wide as the host's; AVX2's 16 registers hold a tile of 6 by
2. B comes packed (see `gemm.pack`): each turn reads on where the last one stopped. One loop is generated for every
size of a tile, for the last rows and columns of a matrix. Measured: 117 GFLOP/s on a core that can do 118.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from .compile import compiled
from .rows import intrinsic

_features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
BYTES = 64 if "+avx512f" in _features else 32 if "+avx" in _features else 16  # in a vector register
ROWS, VECTORS = 6, 4 if BYTES == 64 else 2  # of the largest tile

WORD, INT = ir.IntType(64), ir.IntType(32)


@compiled
def tile(rows, vectors, a, a0, a_row, a_k, b, b0, c, c0, c_row, k, accumulate):  # type: ignore[no-untyped-def]
    """A[i, p] is a[a0 + i * a_row + p * a_k], B[p] starts at b[b0 + p * width], C[i] at c[c0 + i * c_row].

    Offsets and steps count entries of the arrays' memory; width is that of `vectors` registers. With `accumulate`
    the sums are added to C, else they replace it. The caller answers for the bounds.
    """
    _tile(rows, vectors, a, a0, a_row, a_k, b, b0, c, c0, c_row, k, accumulate)


@intrinsic
def _tile(context: Any, rows: Any, vectors: Any, a: Any, a0: Any, a_row: Any, a_k: Any, b: Any, b0: Any, c: Any,
          c0: Any, c_row: Any, k: Any, accumulate: Any) -> Any:  # fmt: skip
    whole = types.intp
    signature = types.void(whole, whole, a, whole, whole, whole, b, whole, c, whole, whole, whole, types.boolean)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        rows, vectors, a, a0, a_row, a_k, b, b0, c, c0, c_row, k, accumulate = arguments

        def memory(array: Any, kind: Any, offset: Any) -> Any:
            return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])

        a_at, b_at, c_at = (
            memory(array, signature.args[i], offset) for array, i, offset in ((a, 2, a0), (b, 6, b0), (c, 8, c0))
        )
        size = builder.add(builder.mul(rows, WORD(VECTORS + 1)), vectors)
        done = builder.append_basic_block("done")
        switch = builder.switch(size, done)
        for n_rows in range(1, ROWS + 1):
            for n_vectors in range(1, VECTORS + 1):
                case = builder.append_basic_block(f"tile_{n_rows}_by_{n_vectors}")
                switch.add_case(WORD(n_rows * (VECTORS + 1) + n_vectors), case)
                builder.position_at_end(case)
                loop_over_k(builder, n_rows, n_vectors, a_at, a_row, a_k, b_at, c_at, c_row, k, accumulate)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return signature, generate


def loop_over_k(builder: ir.IRBuilder, n_rows: int, n_vectors: int, a_at: Any, a_row: Any, a_k: Any, b_at: Any,
                c_at: Any, c_row: Any, k: Any, accumulate: Any) -> None:  # fmt: skip
    """Generate the loop for one size of a tile."""
    number = a_at.type.pointee
    size = 4 if number == ir.FloatType() else 8
    lanes = BYTES // size
    vector = ir.VectorType(number, lanes)
    fma = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{8 * size}"
    )
    zeros, unset = ir.Constant(vector, None), ir.Constant(vector, ir.Undefined)
    first_lane = ir.Constant(ir.VectorType(INT, lanes), None)
    places = [(i, v) for i in range(n_rows) for v in range(n_vectors)]

    def vector_at(start: Any, v: int) -> Any:
        return builder.bitcast(builder.gep(start, [WORD(v * lanes)]), vector.as_pointer())

    def in_c(i: int, v: int) -> Any:
        return vector_at(builder.gep(c_at, [builder.mul(WORD(i), c_row)]), v)

    def everywhere(one: Any) -> Any:
        return builder.shuffle_vector(builder.insert_element(unset, one, INT(0)), unset, first_lane)

    entry, head, body, end = builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "end"))
    builder.branch(head)

    builder.position_at_end(head)
    p, a_now, b_now = (merge(builder, (start, entry)) for start in (WORD(0), a_at, b_at))
    sums = [merge(builder, (zeros, entry)) for _ in places]
    builder.cbranch(builder.icmp_signed("<", p, k), body, end)

    builder.position_at_end(body)
    b_row = [builder.load(vector_at(b_now, v), align=size) for v in range(n_vectors)]
    a_column = [everywhere(builder.load(builder.gep(a_now, [builder.mul(WORD(i), a_row)]))) for i in range(n_rows)]
    for total, (i, v) in zip(sums, places):
        total.add_incoming(builder.call(fma, [a_column[i], b_row[v], total]), body)
    p.add_incoming(builder.add(p, WORD(1)), body)
    a_now.add_incoming(builder.gep(a_now, [a_k]), body)
    b_now.add_incoming(builder.gep(b_now, [WORD(n_vectors * lanes)]), body)
    builder.branch(head)

    builder.position_at_end(end)
    with builder.if_else(accumulate) as (then, otherwise):
        with then:
            for total, (i, v) in zip(sums, places):
                builder.store(builder.fadd(total, builder.load(in_c(i, v), align=size)), in_c(i, v), align=size)
        with otherwise:
            for total, (i, v) in zip(sums, places):
                builder.store(total, in_c(i, v), align=size)


def merge(builder: ir.IRBuilder, *incoming: tuple[Any, Any]) -> Any:
    """A value that depends on the block that the processor comes from."""
    phi = builder.phi(incoming[0][0].type)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi
