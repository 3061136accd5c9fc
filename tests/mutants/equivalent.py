"""Mutants that no test can tell from the original, by the reason why. One that is gone from the code is an error."""

EQUIVALENT: dict[str, tuple[str, ...]] = {
    "both inputs get the same": ("rule of add, input 0: operands swapped",),
    "no cotangent goes there": (
        "rule of where, input 0: sign flipped",
        "rule of where, input 0: factor 1.01",
        "rule of where, input 0: operand dropped",
        "rule of where, input 0: unbroadcast skipped",
        "rule of take, input 1: sign flipped",
        "rule of take, input 1: factor 1.01",
        "rule of take, input 1: operand dropped",
        "rule of take_along_axis, input 1: sign flipped",
        "rule of take_along_axis, input 1: factor 1.01",
        "rule of take_along_axis, input 1: operand dropped",
    ),
    "the slope is 0": (
        "rule of sign, input 0: factor 1.01",
        "minigrad.ops.arithmetic.sign: where(False, g, 0) -> (where(False, g, 0) * 1.01)",
    ),
    "to be multiplied by 0, or one of the numbers so small that any could stand for them": (
        "minigrad.ops.nonlinear.off_pole: 1 -> 2",
        "minigrad.ops.nonlinear.off_pole: 1e-37 -> 1.01e-37",
    ),
    "where a is below 0 there is no slope for b": ("minigrad.ops.nonlinear.off_pole: abs(a) -> a",),
    "the rule takes the shape from x, and never looks at the axis": (
        "rule of expand_dims, input 0: wrong axis",
        "rule of squeeze, input 0: wrong axis",
    ),
    "both branches give the same: the one taken now is slower": (
        "minigrad.ops.reduction.prod: size >= np.finfo(size.dtype).tiny -> (size > (np.finfo(size.dtype).tiny))",
        "minigrad.ops.reduction.prod: np.abs(np.asarray(y)) -> np.asarray(y)",
        "minigrad.ops.nonlinear.power: a if type(b) in (int, float) and b else off_pole(a, b) -> off_pole(a, b)",
        "minigrad.ops.nonlinear.power: (int, float) -> (float, int)",
    ),
    "a shift that is complex cancels like one that is real": ("minigrad.ops.reduction.logsumexp: np.real(x) -> x",),
    "NumPy takes any negative size for the one to be found": (
        "minigrad.ops.shape.concatenate: 1 -> 2",
        "minigrad.fusion.recurrence.Recurrence.rule: 1 -> 2",
        "minigrad.fusion.recurrence.Recurrence.rule#2: 1 -> 2",
        "minigrad.fusion.recurrence.Recurrence.rule#3: 1 -> 2",
        "minigrad.fusion.recurrence.Recurrence.rule#4: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.__init__: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.__init__#7: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.run#2: 1 -> 2",
    ),
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
        'models.cell.Cell.plain_maps: ("input_map", "hidden_map", "blocks") -> ("hidden_map", "input_map", "blocks")',
        'models.cell.Cell.plain_maps: ("input_map", "hidden_map", "blocks") -> ("input_map", "blocks", "hidden_map")',
    ),
    "the maps of one step have two axes": ("models.cell.Cell.blocks: -1 -> (1)",),
    "one step is the same backwards": ("models.cell.Cell.forward: False -> True",),
    "the output of one step is taken from the state, so that its cotangent is 0": (
        "models.cell.Cell.forward: mg.expand_dims(hidden(new), 1) -> (-mg.expand_dims(hidden(new), 1))",
        "models.cell.Cell.forward: mg.expand_dims(hidden(new), 1) -> (mg.expand_dims(hidden(new), 1) * 1.01)",
        "models.cell.Cell.forward#2: 1 -> 2",
    ),
    "a replay is given the Tensors that the loop was run on": (
        "models.layer.Layer.forward: like(state, before) -> state",
        "models.cell.Cell.forward: like(state, before) -> state",
    ),
    "a mask of ones": (
        "models.layer.Layer.forward: self.training and self.recurrent_dropout.p"
        " -> ((self.training) or (self.recurrent_dropout.p))",
        "models.layer.Layer.forward: self.training and self.input_dropout.p"
        " -> ((self.training) or (self.input_dropout.p))",
    ),
    "it only tells detect_anomaly which step it is": (
        "models.layer.Layer.unrolled: steps(reversed(range(len(mapped))) if self.reverse else range(len(mapped)))"
        " -> (reversed(range(len(mapped))) if self.reverse else range(len(mapped)))",
    ),
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
    "log is as exact on both sides of where the power of 2 is split off": (
        "minigrad.kernels.scalar.SINGLE#2: 0.5 -> 0.505",
        "minigrad.kernels.scalar.SINGLE#3: 0.5 -> 0.505",
        "minigrad.kernels.scalar.DOUBLE#2: 0.5 -> 0.505",
        "minigrad.kernels.scalar.DOUBLE#3: 0.5 -> 0.505",
        "minigrad.kernels.scalar.log: bits(x) < 1 << form.fraction_bits -> (bits(x) <= (1 << form.fraction_bits))",
        "minigrad.kernels.scalar.log: 1 -> 2",
        "minigrad.kernels.scalar.log#3: bits(x) -> x",  # most of all x are scaled then, by a power of 2
    ),
    "any whole number between 1 and 2 times that power of 2 rounds alike": (
        "minigrad.kernels.scalar.SINGLE: 1.5 -> 1.5150000000000001",
        "minigrad.kernels.scalar.DOUBLE: 1.5 -> 1.5150000000000001",
    ),
    "the coefficient's share of the result is less than an ulp, and so is the change": (
        "minigrad.kernels.scalar.SINGLE: 0.0013814568519592285 -> 0.0013952714204788208",
        "minigrad.kernels.scalar.SINGLE: _float32s(0.3333320915699005, 0.20010730624198914, 0.1400134414434433,"
        " 0.14004157483577728)"
        " -> _float32s(0.3333320915699005, 0.20010730624198914, 0.14004157483577728, 0.1400134414434433)",
    ),
    "the low bits of the rounder are 0, and the others are shifted out": (
        "minigrad.kernels.scalar.mantissa_and_exponent: bits(shifted) - bits(form.rounder) -> bits(shifted)",
        "minigrad.kernels.scalar.tanh: bits(shifted) - bits(form.rounder) -> bits(shifted)",
        "minigrad.kernels.scalar.mantissa_and_exponent: bits(shifted) - bits(form.rounder)"
        " -> (bits(shifted) + bits(form.rounder))",
        "minigrad.kernels.scalar.tanh: bits(shifted) - bits(form.rounder) -> (bits(shifted) + bits(form.rounder))",
    ),
    "the same number in a wider integer": (
        "minigrad.kernels.scalar.tanh: narrow(bits(shifted) - bits(form.rounder), x)"
        " -> (bits(shifted) - bits(form.rounder))",
        "minigrad.kernels.scalar.log: narrow((pattern - form.sqrt_half) >> form.fraction_bits, x)"
        " -> ((pattern - form.sqrt_half) >> form.fraction_bits)",
        "minigrad.kernels.scalar.mantissa_and_exponent: narrow(bits(shifted) - bits(form.rounder), high)"
        " -> (bits(shifted) - bits(form.rounder))",
    ),
    "the factors' exponents may differ: both are normal": ("minigrad.kernels.scalar.exp_minus: 1 -> 2",),
    "factors in another order, rounded within the bound": (
        "minigrad.kernels.scalar.exp_minus: times_power_of_2(mantissa, half), power_of_2(n - half, high)"
        " -> power_of_2(n - half, high), times_power_of_2(mantissa, half)",
        "minigrad.kernels.scalar.tail: mills(x) * first, second -> second, mills(x) * first",
    ),
    "on_grid is only squared, or added to x on one side and taken from it on the other": (
        "minigrad.kernels.scalar.tail: x * GRID + format_of(x).rounder - format_of(x).rounder"
        " -> ((format_of(x).rounder) - (x * GRID + format_of(x).rounder))",
        "minigrad.kernels.elementary.gelu#2: 128 -> 129",
    ),
    "both branches give the same there": (
        "minigrad.kernels.elementary.sigmoid: x < 0 -> (x <= (0))",
        "minigrad.kernels.scalar.exp: bits(x) < 0 -> (bits(x) <= (0))",
        "minigrad.kernels.scalar.exp: bits(x) -> x",
        "minigrad.kernels.scalar.exp#2: 0 -> 1",
        "minigrad.kernels.scalar.log: bits(x) < 0 -> (bits(x) <= (0))",
        "minigrad.kernels.scalar.log: x * NAN -> NAN",
        "minigrad.kernels.scalar.log#2: 0 -> 1",
        "minigrad.kernels.scalar.sigmoid: bits(x) < 0 -> (bits(x) <= (0))",
        "minigrad.kernels.scalar.sigmoid: 0 -> 1",
        "minigrad.kernels.scalar.softplus: bits(x) < 0 -> (bits(x) <= (0))",
        "minigrad.kernels.scalar.softplus: 0 -> 1",
        "minigrad.kernels.scalar.erf: size < ONE -> (size <= ONE)",
        "minigrad.kernels.elementary.erf: size < 1 -> (size <= (1))",
    ),
    "the result is the same long before": (
        "minigrad.kernels.elementary.silu: 1000 -> 1001",
        "minigrad.kernels.elementary.gelu: 39 -> 40",
        "minigrad.kernels.elementary.erf: 6 -> 7",
    ),
    "the sign is x's in any case": (
        "minigrad.kernels.elementary.erf: 1 - 2 * scalar.mills(form.sqrt_2 * size) * np.exp(-square)"
        " -> ((2 * scalar.mills(form.sqrt_2 * size) * np.exp(-square)) - (1))",
    ),
    "how much is done at a time, for speed alone": (
        "minigrad.kernels.gemm.K_BLOCK: 256 -> 257",
        "minigrad.kernels.gemm.M_BLOCK: 16 * ROWS -> ROWS",
        "minigrad.kernels.gemm.M_BLOCK: 16 -> 17",
        "minigrad.kernels.gemm.rows_times_packed: rows + ROWS - 1 -> (rows + ROWS)",
        "minigrad.kernels.gemm.rows_times_packed: rows + ROWS - 1 -> ((rows + ROWS) + (1))",
        "minigrad.kernels.sequence.forward: max(1, min(time, 24 // rows)) -> (1)",
        "minigrad.kernels.sequence.forward: min(time, 24 // rows) -> time",
        "minigrad.kernels.sequence.forward: 24 // rows -> (24)",
        "minigrad.kernels.sequence.forward: 24 // rows -> rows",
        "minigrad.kernels.sequence.forward: 24 -> 25",
        "minigrad.kernels.sequence.forward#6: 1 -> 2",
        "minigrad.fusion.recurrence.Recurrence.__call__: products.threads_for(batch * time * len(bias) * (hidden"
        " + x.shape[2]))"
        " -> (batch * time * len(bias) * (hidden + x.shape[2]))",
        "minigrad.fusion.recurrence.Recurrence.__call__: batch * time * len(bias) * (hidden + x.shape[2])"
        " -> (batch * time * len(bias))",
        "minigrad.fusion.recurrence.Recurrence.__call__: batch * time * len(bias) * (hidden + x.shape[2])"
        " -> (hidden + x.shape[2])",
        "minigrad.fusion.recurrence.Recurrence.__call__: hidden + x.shape[2] -> hidden",
        "minigrad.fusion.recurrence.Recurrence.__call__: hidden + x.shape[2] -> (x.shape[2])",
        "minigrad.fusion.recurrence.Recurrence.__call__: hidden + x.shape[2] -> (hidden - (x.shape[2]))",
        "minigrad.fusion.recurrence.Recurrence.__call__: batch * time * len(bias) -> (batch * time)",
        "minigrad.fusion.recurrence.Recurrence.__call__: batch * time * len(bias) -> len(bias)",
        "minigrad.fusion.recurrence.Recurrence.__call__: batch * time -> batch",
        "minigrad.fusion.recurrence.Recurrence.__call__: batch * time -> time",
        "minigrad.fusion.recurrence.Recurrence.rule: products.threads_for(batch * time * width * self.hidden)"
        " -> (batch * time * width * self.hidden)",
        "minigrad.fusion.recurrence.Recurrence.rule: batch * time * width * self.hidden -> (batch * time * width)",
        "minigrad.fusion.recurrence.Recurrence.rule: batch * time * width * self.hidden -> (self.hidden)",
        "minigrad.fusion.recurrence.Recurrence.rule: batch * time * width -> (batch * time)",
        "minigrad.fusion.recurrence.Recurrence.rule: batch * time * width -> width",
        "minigrad.fusion.recurrence.Recurrence.rule: batch * time -> batch",
        "minigrad.fusion.recurrence.Recurrence.rule: batch * time -> time",
        "minigrad.fusion.pointwise.CHUNK: 13 -> 14",
        "minigrad.fusion.pointwise.CHUNK: 1 << 13 -> (13)",
        "minigrad.fusion.pointwise.CHUNK: 1 << 13 -> (1)",
        "minigrad.fusion.pointwise.CHUNK: 1 -> 2",
        "minigrad.fusion.pointwise.TOGETHER: 1 << 17 -> (1)",
        "minigrad.fusion.pointwise.TOGETHER: 1 << 17 -> (17)",
        "minigrad.fusion.pointwise.TOGETHER: 1 << 17 -> ((1) >> (17))",
        "minigrad.fusion.pointwise.TOGETHER: 17 -> 18",
        "minigrad.fusion.pointwise.TOGETHER: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.__init__: min(CHUNK, max(self.total, 1)) -> CHUNK",
        "minigrad.fusion.pointwise.Rows.__init__#4: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.__init__#2: min(CHUNK, max(self.total, 1)) -> CHUNK",
        "minigrad.fusion.pointwise.Rows.__init__#8: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.run: get_num_threads() if self.total >= TOGETHER else 1 -> get_num_threads()",
        "minigrad.fusion.pointwise.Rows.run: get_num_threads() if self.total >= TOGETHER else 1 -> (1)",
        "minigrad.fusion.pointwise.Rows.run: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.run: self.total >= TOGETHER -> ((self.total) > TOGETHER)",
    ),
    "a row is copied twice": (
        "minigrad.kernels.gemm.pack: min(k, top + 16) -> k",
        "minigrad.kernels.gemm.pack#2: min(k, top + 16) -> k",
        "minigrad.kernels.gemm.pack#3: min(k, top + 16) -> k",
        "minigrad.kernels.gemm.pack: 16 -> 17",
        "minigrad.kernels.gemm.pack#2: 16 -> 17",
        "minigrad.kernels.gemm.pack#3: 16 -> 17",
    ),
    "a loop over nothing": ("minigrad.kernels.gemm.pack: real < wide -> (real <= wide)",),
    "an index that is never negative": (
        "minigrad.kernels.gemm.pack: np.uintp(source + p * b_k + j * b_n) -> (source + p * b_k + j * b_n)",
        "minigrad.kernels.gemm.pack: np.uintp(at + p * wide + j) -> (at + p * wide + j)",
    ),
    "p0 is a multiple of K_BLOCK": (
        "minigrad.kernels.gemm.multiply: 0 -> 1",
        "minigrad.kernels.gemm.multiply#3: 0 -> 1",
    ),
    "the same memory: flat, it is of a type that is compiled for already": (
        "minigrad.fusion.recurrence.Recurrence.__call__: memory.constant("
        "np.vstack([rows, *(p.array for p in externals)]) if externals else rows)"
        " -> (np.vstack([rows, *(p.array for p in externals)]) if externals else rows)",
        "minigrad.kernels.sequence.forward: flat_from(mapped, 0) -> mapped",
        "minigrad.kernels.sequence.forward: flat_from(masked if mask.size else now, 0)"
        " -> (masked if mask.size else now)",
        "minigrad.kernels.sequence.forward: flat_from(z, 0) -> z",
        "minigrad.kernels.sequence.forward: flat_from(now, 0) -> now",
        "minigrad.kernels.sequence.forward#2: flat_from(now, 0) -> now",
        "minigrad.kernels.sequence.backward: flat_from(z, 0) -> z",
        "minigrad.kernels.sequence.backward: flat_from(now, 0) -> now",
        "minigrad.kernels.sequence.backward#2: flat_from(now, 0) -> now",
    ),
    "memory that is only ever used flat, or more of it than is used": (
        "minigrad.kernels.sequence.forward: (rows, z_width) -> (z_width, rows)",
        "minigrad.kernels.sequence.forward: (rows, steps, z_width) -> (steps, rows, z_width)",
        "minigrad.kernels.sequence.forward: (rows, steps, z_width) -> (rows, z_width, steps)",
        "minigrad.kernels.sequence.forward#5: 1 -> 2",
        "minigrad.kernels.sequence.forward: rows if mask.size else 0 -> rows",
        "minigrad.kernels.sequence.forward#10: 0 -> 1",
    ),
    "set anew before it is read": ("minigrad.kernels.sequence.forward#12: 0 -> 1",),
    "in the padding the product is 0": ("minigrad.kernels.sequence.backward: t < lengths[b] -> (t <= (lengths[b]))",),
    "x is 0 in the padding, and the layer passes nothing on to there": (
        "minigrad.kernels.sequence.backward#6: 0 -> 1",
    ),
    "the order of definitions, of exceptions, or of what is looked for": (
        'minigrad.fusion.pointwise.loops_source: [ loop(source, "forward", program.forward, {x: x for x in'
        ' inputs}, outputs | keeps, numbers), loop( source, "inference", wanted(program.forward,'
        " set(program.outputs)), {x: x for x in inputs}, outputs, numbers ), ]"
        ' -> [ loop( source, "inference", wanted(program.forward, set(program.outputs)), {x: x for x in inputs},'
        ' outputs, numbers ), loop(source, "forward", program.forward, {x: x for x in inputs}, outputs | keeps,'
        " numbers), ]",
        "minigrad.fusion.recurrence.Recurrence.rule#2: (x, weight_ih, bias, weight_hh, *others)"
        " -> (weight_ih, x, bias, weight_hh, *others)",
        "minigrad.fusion.recurrence.Recurrence.rule#2: (x, weight_ih, bias, weight_hh, *others)"
        " -> (x, bias, weight_ih, weight_hh, *others)",
        "minigrad.fusion.recurrence.Recurrence.rule#2: (x, weight_ih, bias, weight_hh, *others)"
        " -> (x, weight_ih, weight_hh, bias, *others)",
        "minigrad.fusion.recurrence.recurrence_source: (sequence.forward, sequence.backward)"
        " -> (sequence.backward, sequence.forward)",
        'minigrad.fusion.recurrence.recurrence_source: [ source.function("forward", program.forward, cuts, writes'
        ' | keeps, {}, into, "mapped, m, z, z_at, now, then, i, step, externals, outputs, o, saved, s, n",'
        ' first=add), source.function("inference", program.forward, cuts, writes, {}, into, "mapped, m, z, z_at,'
        ' now, then, i, step, externals, outputs, o, n", first=add), ]'
        ' -> [ source.function("inference", program.forward, cuts, writes, {}, into, "mapped, m, z, z_at, now,'
        ' then, i, step, externals, outputs, o, n", first=add), source.function("forward", program.forward, cuts,'
        ' writes | keeps, {}, into, "mapped, m, z, z_at, now, then, i, step, externals, outputs, o, saved, s, n",'
        " first=add), ]",
        'minigrad.fusion.program.Reader.step: ("sum", "reshape") -> ("reshape", "sum")',
        "minigrad.fusion.pointwise.Fused.loops: (key, (*key, row)) -> ((*key, row), key)",
        "minigrad.fusion.pointwise.Fused.made: (NotPointwise, Unknown) -> (Unknown, NotPointwise)",
    ),
    "a step that leads nowhere, or a row that nobody writes": (
        "minigrad.fusion.pointwise.loops_source: wanted(program.forward, set(program.outputs)) -> (program.forward)",
        "minigrad.fusion.recurrence.recurrence_source: len(saved) + parts - 1 -> (len(saved) + parts)",
        "minigrad.fusion.recurrence.recurrence_source: len(saved) + parts - 1 -> ((len(saved) + parts) + (1))",
        "minigrad.fusion.program.divided: wanted([*again, *(s for s in steps.values() if s.name in back)],"
        " {*cotangents.values()})"
        " -> ([*again, *(s for s in steps.values() if s.name in back)])",
    ),
    "the same in another type": (
        "minigrad.fusion.pointwise.loops_source: set(program.outputs) -> (program.outputs)",
        "minigrad.fusion.pointwise.depends_on_all: {y}.union(*(step.arguments for step in wanted(program.forward,"
        " {y}))).issuperset(program.inputs)"
        " -> (-{y}.union(*(step.arguments for step in wanted(program.forward, {y}))).issuperset(program.inputs))",
        "minigrad.fusion.pointwise.depends_on_all: {y}.union(*(step.arguments for step in wanted(program.forward,"
        " {y}))).issuperset(program.inputs)"
        " -> ({y}.union(*(step.arguments for step in wanted(program.forward, {y}))).issuperset(program.inputs) *"
        " 1.01)",
        "minigrad.fusion.recurrence.Recurrence.__init__: np.dtype(dtype) -> dtype",
        "minigrad.fusion.program.traced: frozenset(stop) -> stop",
        "minigrad.fusion.program.Reader.step: str(arguments[0]) -> (arguments[0])",
        "minigrad.fusion.program.Reader.argument: x.array if isinstance(x, Traced) else np.asarray(x) -> np.asarray(x)",
        "minigrad.fusion.program.wanted: set(ends) -> ends",
        "minigrad.fusion.emit.Source.operand: repr(argument) -> argument",
        "minigrad.fusion.emit.Source.expression: float(bound) -> bound",
        "minigrad.fusion.pointwise.Fused.__call__: x.array if isinstance(x, Traced) else np.asarray(x)"
        " -> np.asarray(x)",
        "minigrad.fusion.pointwise.Loops.value: np.asarray(x.array) if isinstance(x, Traced) else np.array(x,"
        " self.dtype, copy=keep or None)"
        " -> np.array(x, self.dtype, copy=keep or None)",
        "minigrad.fusion.pointwise.Loops.replayed: dict(zip(names, inputs)) -> zip(names, inputs)",
    ),
    "the body instead of the loop, or a loop for each width: the same numbers": (
        "minigrad.fusion.pointwise.depends_on_all: {y}.union(*(step.arguments for step in wanted(program.forward,"
        " {y})))"
        " -> ({y})",
        "minigrad.fusion.pointwise.Fused.__call__: loops.complete or len(shapes) == 1"
        " -> ((loops.complete) and (len(shapes) == 1))",
        "minigrad.fusion.pointwise.Fused.loops: (*key, row) if narrow else key -> ((*key, row))",
    ),
    "saved, or computed again from what is saved": (
        "minigrad.fusion.recurrence.Recurrence.__init__: 2 -> 3",
        "minigrad.fusion.recurrence.Recurrence.__call__: (batch * time, slots, hidden) if keep else (0, 0, 0)"
        " -> ((batch * time, slots, hidden))",
        'minigrad.fusion.program.CHEAP: COMPARISONS | { "abs", "add", "astype", "clip", "leaky_relu", "maximum",'
        ' "minimum", "multiply", "negative", "relu", "sign", "square", "subtract", "where", }'
        ' -> ({ "abs", "add", "astype", "clip", "leaky_relu", "maximum", "minimum", "multiply", "negative",'
        ' "relu", "sign", "square", "subtract", "where", })',
        "minigrad.fusion.program.traced: {inputs[i] for i in at_hand} | {*reader.externals, *outputs}"
        " -> ({inputs[i] for i in at_hand})",
        "minigrad.fusion.program.divided: s.name in needed -> ((s.name) not in needed)",
    ),
    "any sample serves: what is traced is what happens to it": (
        "minigrad.fusion.rule.one_pass: 0.5 -> 0.505",
        "minigrad.fusion.rule.one_pass: 1 -> 2",
        "minigrad.fusion.recurrence.Recurrence.__init__: 0.5 -> 0.505",
        "minigrad.fusion.program.traced: np.ones_like(y.array) -> (y.array)",
        "minigrad.fusion.pointwise.Loops.__init__: 0.5 -> 0.505",
    ),
    "a mask is made as one block, and an empty one is empty in any shape": (
        "minigrad.fusion.recurrence.Recurrence.__call__: memory.constant(np.empty((0, 0), dtype) if mask is None"
        " else mask)"
        " -> (np.empty((0, 0), dtype) if mask is None else mask)",
        "minigrad.fusion.recurrence.Recurrence.__call__: 0 -> 1",
        "minigrad.fusion.recurrence.Recurrence.__call__#2: 0 -> 1",
        "minigrad.fusion.recurrence.Recurrence.__call__#3: 0 -> 1",
        "minigrad.fusion.recurrence.Recurrence.__call__#4: 0 -> 1",
        "minigrad.fusion.recurrence.Recurrence.__call__#5: 0 -> 1",
    ),
    "the same sum in another order, where the threads would decide: no test can count on it": (
        "minigrad.fusion.recurrence.Recurrence.rule: sorted(sums) -> sums",
    ),
    "in the padding the cotangent is 0": ("minigrad.fusion.recurrence.Recurrence.entered#4: 0 -> 1",),
    "two arrays for what could be one": (
        "minigrad.fusion.recurrence.alike: 2 * gates -> (2)",
        "minigrad.fusion.recurrence.alike: 2 * gates -> gates",
        "minigrad.fusion.recurrence.alike: 2 -> 3",
    ),
    "a key that tells the same apart": (
        "minigrad.fusion.program.cotangents_of: (x.node, x.index) -> (x.index, x.node)",
        "minigrad.fusion.program.Reader.step: op.name, arguments, tuple(node.settings.items())"
        " -> arguments, op.name, tuple(node.settings.items())",
        "minigrad.fusion.program.Reader.step: op.name, arguments, tuple(node.settings.items())"
        " -> op.name, tuple(node.settings.items()), arguments",
        "minigrad.fusion.prelude.Prelude.__init__: (x.node, x.index) -> (x.index, x.node)",
    ),
    "it only refuses, and no gradient of a single number goes on: the walk ends at what stands outside": (
        "minigrad.fusion.program.Reader.step: self.summed.add(self.steps[key].name) -> (self.summed)",
        "minigrad.fusion.program.Reader.step: self.summed.add(name := str(arguments[0])) -> (self.summed)",
    ),
    "one more name for what is there already": (
        "minigrad.fusion.program.Reader.step: isinstance(x, np.ndarray) and isinstance(name, str)"
        " -> (isinstance(x, np.ndarray) or isinstance(name, str))",
        "minigrad.fusion.program.Reader.step: (node, None) -> (None, node)",
    ),
    "what has that shape already": (
        "minigrad.fusion.recurrence.Recurrence.__call__: np.vstack([rows, *(p.array for p in externals)]) if externals"
        " else rows -> np.vstack([rows, *(p.array for p in externals)])",
        "minigrad.fusion.prelude.Prelude.__call__: x if x.shape == self.shape else broadcast_to(x, self.shape)"
        " -> broadcast_to(x, self.shape)",
    ),
    "the layer counts the steps anew for every call": (
        "minigrad.fusion.recurrence.Recurrence.__call__: np.array(lengths, np.int64) -> lengths",
    ),
    "an RNN saves nothing, and so runs inference's loop": (
        "RNNCell.forward: v0 = add(x0, x1) -> -add(x0, x1)",
        "RNNCell.forward: v0 = add(x0, x1) -> 1.01 * add(x0, x1)",
        "RNNCell.forward: v0 = add(x0, x1) -> x0",
        "RNNCell.forward: v0 = add(x0, x1) -> x1",
        "RNNCell.forward: v1 = tanh(v0) -> -tanh(v0)",
        "RNNCell.forward: v1 = tanh(v0) -> 1.01 * tanh(v0)",
        "RNNCell.forward: v1 = tanh(v0) -> v0",
    ),
    "np.broadcast_shapes gives the same": (
        "minigrad.fusion.pointwise.common_shape: v.shape == shape -> ((v.shape) != shape)",
        "minigrad.fusion.pointwise.common_shape: shape if all(v.shape == shape for v in values) else"
        " np.broadcast_shapes(*(v.shape for v in values))"
        " -> np.broadcast_shapes(*(v.shape for v in values))",
    ),
    "how long rows are, and what is spread over all of them instead of read again": (
        "minigrad.fusion.pointwise.Rows.__init__: -value.ndim -> (value.ndim)",
        "minigrad.fusion.pointwise.Rows.__init__: v.shape == shape[-v.ndim :] -> ((v.shape) != (shape[-v.ndim :]))",
        "minigrad.fusion.pointwise.Rows.__init__: -v.ndim -> (v.ndim)",
        "minigrad.fusion.pointwise.Rows.__init__: v.size > 1 -> ((v.size) >= (1))",
        "minigrad.fusion.pointwise.Rows.__init__#5: 1 -> 2",
        "minigrad.fusion.pointwise.Rows.__init__: isinstance(v, np.ndarray) and v.shape != shape"
        " -> (isinstance(v, np.ndarray) or (v.shape != shape))",
        "minigrad.fusion.pointwise.Rows.__init__: v.shape != shape -> ((v.shape) == shape)",
    ),
}
