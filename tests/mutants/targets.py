"""What is mutated, and which tests are to notice, nearest first: where all of a selection pass, the next is run."""

import ast
from functools import cache

from .edits import Edit, units
from .rules import Broken
from .steps import BrokenStep

CHECKS = frozenset({  # units that refuse, draw, prepare, keep or hint: no derivative goes through them
    "as_array", "check_axis", "check_floats", "check_indices", "check_input", "check_probability",
    "check_reduction", "checked_lengths", "checked_state", "class_labels", "is_float", "matching", "pair", "recurrent",
    "register", "reset_parameters", "windows_of", "RNN", "LSTM", "GRU", "Bits", "Data", "Function", "Pair",
    "REDUCTIONS", "Real", "State", "output_size", "compiled", "fusible", "as_exp", "elementwise", "_loop", "_compiled",
    "RNNCell.__init__", "Cell.__init__", "LSTMCell.__init__", "LayerNormLSTMCell.__init__", "GRUCell.__init__",
    "Layer.__init__", "Bidirectional.__init__", "AdditiveAttention.__init__", "GeneralAttention.__init__",
    "Replay", "SCALAR", "NUMPY", "recurrence", "identity", "trace", "same", "NUMBERS", "fuse", "Fused.__init__",
    "Fused.source", "in_one_pass", "fit", "LONG", "VALUES",
})  # fmt: skip
OPS = ("tests/ops", "tests/test_einsum.py", "tests/test_convolution.py")
CELLS, LAYERS = (("tests/models/test_cells.py",), ("tests/models/test_layer.py", "tests/models/test_combinators.py"))
COMPILED = ("tests/models/test_compiled.py",)
ONLY_LAYERS = ("tests/models/test_layer.py", "-k", "refused or one_mask")  # quick, and of what the others leave out
DRAWN = ("tests/fusion/test_recurrence.py", "-k", "not compiled_for_once and not too_large")  # as plain Python
CORNERS = "tests/fusion/test_corners.py"
PROGRAMS, POINTWISE = (CORNERS, "tests/fusion/test_program.py"), (CORNERS, "tests/fusion/test_pointwise.py")
FORMULAS = (CORNERS, "tests/fusion/test_emit.py", "-k", "not special and not elementary")  # of machine code
LAST = (  # all that looks at numbers
    "tests/ops", "tests/kernels/test_scalar.py", "tests/test_functional.py", "tests/test_backward.py",
    "tests/test_transforms.py", "tests/test_tensor.py", "tests/test_checkpoint.py", "tests/nn", "tests/models",
)  # fmt: skip
TARGETS: dict[str, tuple[str, ...]] = {
    "minigrad.ops.arithmetic": OPS,
    "minigrad.ops.nonlinear": OPS,
    "minigrad.ops.reduction": OPS,
    "minigrad.ops.shape": OPS,
    "minigrad.ops.indexing": OPS,
    "minigrad.ops.linear": OPS,
    "minigrad.einsum": ("tests/test_einsum.py", "tests/ops/test_registry.py", "-k", "einsum"),
    "minigrad.convolution": ("tests/test_convolution.py", "tests/ops"),
    "minigrad.functional": ("tests/test_functional.py",),
    "minigrad.kernels.elementary": ("tests/kernels/test_elementary.py",),
    "minigrad.kernels.scalar": ("tests/kernels/test_scalar.py",),
    "minigrad.kernels.gemm": ("tests/kernels/test_gemm.py",),
    "minigrad.kernels.sequence": COMPILED,
    "minigrad.fusion.program": PROGRAMS,
    "minigrad.fusion.prelude": PROGRAMS,
    "minigrad.fusion.emit": FORMULAS,
    "minigrad.fusion.pointwise": POINTWISE,
    "minigrad.fusion.recurrence": COMPILED,
    "minigrad.fusion.rule": ("tests/fusion/test_rule.py",),
    "models.vanilla": CELLS,
    "models.lstm": CELLS,
    "models.gru": CELLS,
    "models.cell": CELLS,
    "models.layer": LAYERS,
    "models.bidirectional": ("tests/models/test_combinators.py",),
    "models.attention": ("tests/models/test_networks_attention.py", "tests/models/test_networks_seq2seq.py"),
}
GENERATED = {"minigrad.kernels.gemm", "minigrad.kernels.sequence"} | {m for m in TARGETS if ".fusion." in m}


def selections(mutant: Edit | Broken | BrokenStep) -> list[tuple[str, ...]]:
    """The tests for a mutant, nearest first: those that bear its op's name, those that mirror its file, and so on."""
    if isinstance(mutant, Broken):
        return [(*OPS, "-k", mutant.primitive), OPS, LAST]
    if isinstance(mutant, BrokenStep):
        return [(*POINTWISE, "-k", "broadcasting") if mutant.body == "three" else (*COMPILED, "-k", mutant.body)]
    tests = TARGETS[mutant.module]
    if mutant.module == "minigrad.kernels.scalar":  # what is left takes a compiler, and a minute
        return [tests, ("tests/kernels/test_elementary.py", "-k", mutant.unit.split("#")[0])]
    if mutant.module in GENERATED:
        return [tests, (*COMPILED, *POINTWISE), DRAWN]
    if tests is not OPS:  # those are quick as a whole
        return {CELLS: [CELLS, COMPILED, LAYERS, LAST], LAYERS: [ONLY_LAYERS, COMPILED, LAYERS, LAST]}.get(
            tests, [tests, LAST]
        )
    mirror = f"tests/ops/test_{mutant.module.split('.')[-1]}.py"
    return [(*OPS, "-k", " or ".join(users(mutant.source, mutant.unit.split("#")[0]))), (mirror,), OPS, LAST]


@cache
def users(source: bytes, unit: str) -> list[str]:
    """A unit, and those of its module that call it, by the names that their tests bear."""
    calling = [name for name, node in units(ast.parse(source)) if any(is_name(n, unit) for n in ast.walk(node))]
    return sorted({name.strip("_") for name in (unit, *calling)})


def is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
