"""Programs as Numba source: one loop over a row of entries, each argument a row of its own.

LLVM turns such a loop into vector instructions; handed slices of one array it could not rule out that they
overlap, and would give up without a word (21 us instead of 6 for one step of an LSTM of 16 x 128).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .program import Step

# Functions of one number, by the primitive's name: those of kernels/scalar.py, or NumPy's (a call for each entry)
SCALAR = ("erf", "exp", "gelu", "log", "relu", "sigmoid", "silu", "softplus", "tanh")
NUMPY = ("cos", "expm1", "isfinite", "isnan", "log1p", "power", "sign", "sin", "sqrt")
FORMULAS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "negative": "-{}",
    "square": "{0} * {0}",
    "abs": "abs({})",
    "where": "{1} if {0} else {2}",
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
    **{name: f"scalar.{name}({{}})" for name in SCALAR},
    **{name: f"np.{name}({', '.join(['{}'] * (2 if name == 'power' else 1))})" for name in NUMPY},
}


class Unknown(Exception):
    """A primitive that has no scalar form."""


class Source:
    """Gathers the row functions of a program, and the numbers that they use."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.numbers: dict[str, str] = {}  # by their text, the name of the constant

    def function(self, name: str, steps: Sequence[Step], cuts: Mapping[str, str], writes: Mapping[str, str | float],
                 sums: Mapping[str, str], into: Mapping[str, str], parameters: str,
                 first: Sequence[str] = (), numbers: Collection[str] = ()) -> str:  # fmt: skip
        """A function `name_step(parameters)` that cuts rows out of memory, and the loop `name_row` over them.

        `cuts` says where each value is read that the steps use, `into` where each row is written: array, offset.
        `writes` maps rows to what goes in, `sums` to what is added. `first`: lines before the steps.
        `numbers` are one for all entries.
        """
        used = {a for step in steps for a in step.arguments} | {*writes.values(), *sums.values()}
        used.update(word for line in first for word in line.split())
        reads = [value for value in cuts if value in used]
        lines = [f"{value} = {value}_[j]" for value in reads if value not in numbers]
        lines += first
        lines += [f"{step.name} = {self.expression(step)}" for step in steps]
        lines += [f"{row}_[j] = {self.operand(value)}" for row, value in writes.items()]
        lines += [f"{row}_[j] += {self.operand(value)}" for row, value in sums.items()]
        rows = [*reads, *writes, *sums]
        places = {**into, **cuts}
        body = "".join(f"        {line}\n" for line in lines)
        calls = "".join(f"        {v},\n" if v in numbers else f"        row({places[v]}, n),\n" for v in rows)
        return (
            f"@compiled\ndef {name}_row({', '.join(v if v in numbers else f'{v}_' for v in rows)}):\n"
            f"    arguments_apart()\n    for j in range({rows[-1]}_.size):\n{body}\n\n"
            f"@compiled\ndef {name}_step({parameters}):\n    {name}_row(\n{calls}    )\n"
        )

    def operand(self, argument: str | float) -> str:
        """A name, or that of a constant: a bare number would make float64 of float32."""
        if isinstance(argument, str):
            return argument
        if isinstance(argument, bool):
            return repr(argument)
        text = f"{self.dtype}({float(argument)!r})".replace("(inf", "(np.inf").replace("(-inf", "(-np.inf")
        return self.numbers.setdefault(text.replace("(nan", "(np.nan"), f"C{len(self.numbers)}")

    def expression(self, step: Step) -> str:
        """What the step computes, as Python."""
        name, settings = step.primitive.name, step.settings
        arguments = [self.operand(a) for a in step.arguments]
        if name == "clip":
            text = arguments[0]
            for bound, sign in ((settings["min"], "<"), (settings["max"], ">")):
                if bound is not None and bound != bound:
                    raise Unknown("clip to NaN has no form for one entry")
                if bound is not None:
                    limit = self.operand(float(bound))
                    text = f"({limit} if {text} {sign} {limit} else {text})"
            return text
        if name == "leaky_relu":
            return "{0} if {0} > {1} else {0} * {2}".format(
                arguments[0], self.operand(0.0), self.operand(settings["negative_slope"])
            )
        if name == "astype":
            return f"np.{self.dtype}({arguments[0]})"
        if name not in FORMULAS:
            raise Unknown(f"{name} has no form for one entry: FORMULAS in minigrad/fusion/emit.py lacks it")
        return FORMULAS[name].format(*arguments)

    def constants(self) -> str:
        """The lines that define the numbers used."""
        return "".join(f"{name} = np.{text}\n" for text, name in self.numbers.items())
