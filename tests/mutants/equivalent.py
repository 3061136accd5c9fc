"""Mutants that no test can tell from the original, by the reason why. One that is gone from the code is an error."""

EQUIVALENT: dict[str, tuple[str, ...]] = {
    "both inputs get the same": ("rule of add, input 0: operands swapped",),
    "the rule takes the shape from x, and never looks at the axis": (
        "rule of expand_dims, input 0: wrong axis",
        "rule of squeeze, input 0: wrong axis",
    ),
    "both branches give the same: the one taken now is slower": (
        "minigrad.ops.reduction.prod: size >= np.finfo(size.dtype).tiny -> (size > (np.finfo(size.dtype).tiny))",
        "minigrad.ops.reduction.prod: np.abs(np.asarray(y)) -> np.asarray(y)",
    ),
    "a shift that is complex cancels like one that is real": ("minigrad.ops.reduction.logsumexp: np.real(x) -> x",),
    "NumPy takes any negative size for the one to be found": ("minigrad.ops.shape.concatenate: 1 -> 2",),
    "without outputs there is no cotangent, and the rule is not asked": (
        "minigrad.ops.shape.unstack: stack(g, axis) if g else where(False, x, 0) -> stack(g, axis)",
        "minigrad.ops.shape.unstack: where(False, x, 0) -> (False)",
        "minigrad.ops.shape.unstack: where(False, x, 0) -> where(False, 0, x)",
        "minigrad.ops.shape.unstack: 0 -> 1",
        "minigrad.ops.shape.unstack: False -> True",
    ),
    "the walk reshapes a cotangent that has the right entries": (
        "minigrad.ops.indexing.take_along_axis: reshape(scatter(g, (x.size,), (np.asarray(indices),)), x.shape)"
        " -> scatter(g, (x.size,), (np.asarray(indices),))",
    ),
    "the order in which names are looked at": (
        'models.cell.Cell.plain_maps: ("input_map", "hidden_map", "blocks") -> ("input_map", "blocks", "hidden_map")',
    ),
    "the maps of one step have two axes": ("models.cell.Cell.blocks: -1 -> (1)",),
    "the sign bit is set afterwards": ("minigrad.kernels.scalar.tanh: -e -> e",),
    "two signs that cancel": (
        "minigrad.ops.linear.rows: reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))"
        " -> (-reshape(x, (math.prod(x.shape[:-1]), x.shape[-1])))",
    ),
    "the order of axes that are all reduced does not matter": (
        "minigrad.convolution.max_pool2d: (-2, -1) -> (-1, -2)",
    ),
    "what is not kept counts nowhere": ("minigrad.functional.cross_entropy: 0 -> 1",),
    "where p is 1 nothing is kept, and 0 times anything is 0": ("minigrad.functional.dropout: 0 -> 1",),
    "a draw is never p to the bit, as good as": (
        "minigrad.functional.dropout: generator().random(x.shape, dtype=np.float32) >= p"
        " -> (generator().random(x.shape, dtype=np.float32) > p)",
    ),
    "only the order in which two arguments are checked": (
        'minigrad.functional.layer_norm: ("weight", weight), ("bias", bias) -> ("bias", bias), ("weight", weight)',
    ),
    "a loss of the difference, whatever its sign": (
        "minigrad.functional.mse_loss: predictions - targets -> (targets - predictions)",
        "minigrad.functional.l1_loss: predictions - targets -> (targets - predictions)",
        "minigrad.functional.huber_loss: predictions - targets -> (targets - predictions)",
    ),
    "past the limit the function has reached its own: any larger one serves": (
        "minigrad.kernels.scalar.SINGLE: 112 -> 113",
        "minigrad.kernels.scalar.SINGLE: 14.5 -> 14.645",
        "minigrad.kernels.scalar.SINGLE: 6 -> 7",
        "minigrad.kernels.scalar.SINGLE: 10 -> 11",
        "minigrad.kernels.scalar.DOUBLE: 760 -> 761",
        "minigrad.kernels.scalar.DOUBLE: 39 -> 40",
        "minigrad.kernels.scalar.DOUBLE: 6 -> 7",
        "minigrad.kernels.scalar.DOUBLE: 20 -> 21",
    ),
    "any whole number between 1 and 2 times that power of 2 rounds alike": (
        "minigrad.kernels.scalar.SINGLE: 1.5 -> 1.5150000000000001",
        "minigrad.kernels.scalar.DOUBLE: 1.5 -> 1.5150000000000001",
    ),
    "the coefficient's share of the result is less than an ulp, and so is the change": (
        "minigrad.kernels.scalar.SINGLE: 0.0013814568519592285 -> 0.0013952714204788208",
        "minigrad.kernels.scalar.SINGLE: _float32s(0.3333320915699005, 0.20010730624198914, 0.1400134414434433,"
        " 0.14004157483577728) -> _float32s(0.3333320915699005, 0.20010730624198914, 0.14004157483577728,"
        " 0.1400134414434433)",
    ),
    "the low bits of the rounder are 0, and the others are shifted out": (
        "minigrad.kernels.scalar.exp_minus: bits(shifted) - bits(form.rounder) -> bits(shifted)",
        "minigrad.kernels.scalar.tanh: bits(shifted) - bits(form.rounder) -> bits(shifted)",
        "minigrad.kernels.scalar.exp_minus: bits(shifted) - bits(form.rounder) -> (bits(shifted) + bits(form.rounder))",
    ),
    "the same number in a wider integer": (
        "minigrad.kernels.scalar.tanh: narrow(bits(shifted) - bits(form.rounder), x)"
        " -> (bits(shifted) - bits(form.rounder))",
        "minigrad.kernels.scalar.exp_minus: narrow(bits(shifted) - bits(form.rounder), high)"
        " -> (bits(shifted) - bits(form.rounder))",
    ),
    "factors in another order, rounded within the bound": (
        "minigrad.kernels.scalar.exp_minus: mantissa * power_of_2(n >> 1, high), power_of_2(n - (n >> 1), high)"
        " -> power_of_2(n - (n >> 1), high), mantissa * power_of_2(n >> 1, high)",
        "minigrad.kernels.scalar.tail: mills(x) * first, second -> second, mills(x) * first",
    ),
    "on_grid is only squared, or added to x on one side and taken from it on the other": (
        "minigrad.kernels.scalar.tail: x * GRID + format_of(x).rounder - format_of(x).rounder"
        " -> ((format_of(x).rounder) - (x * GRID + format_of(x).rounder))",
    ),
    "both branches give the same there": (
        "minigrad.kernels.elementary.sigmoid: x < 0 -> (x <= (0))",
        "minigrad.kernels.scalar.sigmoid: bits(x) < 0 -> (bits(x) <= (0))",
        "minigrad.kernels.scalar.sigmoid: 0 -> 1",
        "minigrad.kernels.scalar.softplus: bits(x) < 0 -> (bits(x) <= (0))",
        "minigrad.kernels.scalar.softplus: 0 -> 1",
        "minigrad.kernels.scalar.erf: size < ONE -> (size <= ONE)",
    ),
}
