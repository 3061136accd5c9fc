"""Mutants of the source: one expression of one function, written another way."""

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
OTHER = {
    ast.Add: "-", ast.Sub: "+", ast.LShift: ">>", ast.RShift: "<<", ast.BitAnd: "|", ast.BitOr: "&",
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in", ast.And: "or", ast.Or: "and",
}  # fmt: skip
ORDERED = {ast.Sub: "-", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}  # where a, b is not b, a
COMMUTING = {"maximum", "minimum", "max", "min", "equal", "not_equal", "swapaxes", "broadcast_shapes"}
FACTS = {"domain", "analytic", "doc", "strict", "optimize"}  # keywords that change no number
PLAIN = {  # calls with no mathematics in them
    "len", "tuple", "list", "range", "enumerate", "zip", "isinstance", "int", "type", "float32", "float64", "asarray",
    "tolist", "any", "all",
}  # fmt: skip
NUMBERS = ast.BinOp | ast.Call | ast.Name | ast.IfExp | ast.Subscript | ast.UnaryOp  # expressions that may give one
UNTOUCHED = ast.Raise | ast.Assert | ast.JoinedStr | ast.arguments | ast.AnnAssign


class Edit(NamedTuple):
    """One mutant: in `unit`, a function or constant of `module`, the bytes from `start` to `end` become `new`."""

    module: str
    unit: str
    kind: str
    start: int
    end: int
    new: str
    source: bytes

    @property
    def name(self) -> str:
        """What reports and the list of equivalents call it; it holds while the lines around it change."""
        old = self.source[self.start : self.end].decode()
        return f"{self.module}.{self.unit}: {' '.join(old.split())} -> {' '.join(self.new.split())}"

    def mutated(self) -> bytes:
        """The module's source with this one change."""
        return self.source[: self.start] + self.new.encode() + self.source[self.end :]


def path_of(module: str) -> Path:
    return (ROOT / Path(*module.split("."))).with_suffix(".py")


def edits(module: str, source: bytes, skipped: frozenset[str] = frozenset()) -> Iterator[Edit]:
    """All mutants of a module but those of the units named in `skipped`, with or without their class.

    Two alike get numbers: unit, unit#2.
    """
    seen: Counter[str] = Counter()
    for unit, root in units(ast.parse(source)):
        if skipped.isdisjoint((unit, unit.split(".")[-1])):
            for kind, start, end, new in Rewriting(source).changes(root):
                edit = Edit(module, unit, kind, start, end, new, source)
                seen[edit.name] += 1
                yield edit if seen[edit.name] == 1 else edit._replace(unit=f"{unit}#{seen[edit.name]}")


def units(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Functions, methods and assigned values, by name. A rule under `@op.vjp` goes by the name of its op."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name):
                yield from units(node, f"{prefix}{name}.")
            case ast.FunctionDef("_", decorator_list=[ast.Attribute(ast.Name(op), "vjp")]):
                yield op, node
            case ast.FunctionDef(name):
                yield prefix + name, node
            case ast.Assign([target]) if not prefix:
                yield ast.unparse(target), node


class Rewriting:
    """The ways to write the expressions of one source differently, one at a time: kind, start, end, new text."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def span(self, node: Any) -> tuple[int, int]:
        return self.lines[node.lineno - 1] + node.col_offset, self.lines[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.AST) -> str:
        start, end = self.span(node)
        text = self.source[start:end].decode()
        return text if isinstance(node, ast.Name | ast.Call) else f"({text})"

    def changes(self, root: ast.AST) -> Iterator[tuple[str, int, int, str]]:
        for node in acting(root):
            for kind, place, new in (*self.rewritten(node), *self.results(node)):
                yield kind, *self.span(place), new

    def rewritten(self, node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
        text = self.text
        match node:
            case ast.BinOp(left, operator, right):
                yield "operand dropped", node, text(left)
                yield "operand dropped", node, text(right)
                if type(operator) in OTHER:
                    yield "another operator", node, f"({text(left)} {OTHER[type(operator)]} {text(right)})"
                if type(operator) in ORDERED and text(left) != text(right):
                    yield "operands swapped", node, f"({text(right)} {ORDERED[type(operator)]} {text(left)})"
            case ast.Compare(left, [operator], [right]) | ast.BoolOp(operator, [left, right]):
                yield "another operator", node, f"({text(left)} {OTHER[type(operator)]} {text(right)})"
            case ast.UnaryOp(ast.USub() | ast.Not(), operand):
                yield "sign flipped", node, text(operand)
            case ast.IfExp(_, body, orelse):
                yield "branch dropped", node, text(body)
                yield "branch dropped", node, text(orelse)
            case ast.If(test) | ast.While(test):
                yield "condition negated", test, f"(not {text(test)})"
            case ast.Constant(bool(value)):
                yield "another constant", node, str(not value)
            case ast.Constant(int(value)):
                yield "another constant", node, str(value + 1)
            case ast.Constant(float(value)):
                yield "factor 1.01", node, repr(value * 1.01 or 0.01)
            case ast.Tuple(elements, ast.Load()) | ast.List(elements, ast.Load()):
                for a, b in pairwise(elements):
                    yield from self.swapped(node, a, b)
            case ast.Call(function, arguments, keywords):
                name = called(node)
                if name in PLAIN:
                    pass
                elif isinstance(function, ast.Attribute) and not isinstance(function.value, ast.Name):
                    yield "call dropped", node, text(function.value)
                elif arguments and not isinstance(arguments[0], ast.Starred):
                    yield "call dropped", node, text(arguments[0])
                if len(arguments) > 1 and name not in PLAIN | COMMUTING:
                    yield from self.swapped(node, *arguments[-2:])
                for k in keywords:
                    if k.arg == "axis":  # the last axis: what comes of it is another shape, or other numbers
                        yield "wrong axis", k.value, f"(-1 if {text(k.value)} is None else None)"

    def swapped(self, node: ast.AST, a: ast.expr, b: ast.expr) -> Iterator[tuple[str, ast.AST, str]]:
        (start, end), (a0, a1), (b0, b1) = map(self.span, (node, a, b))
        first, second = self.source[a0:a1], self.source[b0:b1]
        if first != second and not isinstance(a, ast.Starred) and not isinstance(b, ast.Starred):
            new = self.source[start:a0] + second + self.source[a1:b0] + first + self.source[b1:end]
            yield "operands swapped", node, new.decode()

    def results(self, node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
        """What a function returns, where it may be a number: its sign, and a factor."""
        value: Any = node.body if isinstance(node, ast.Lambda) else node.value if isinstance(node, ast.Return) else None
        for part in value.elts if isinstance(value, ast.Tuple) else [value]:
            if isinstance(part, NUMBERS) and called(part) not in PLAIN:
                if not isinstance(part, ast.UnaryOp):  # whose sign is flipped as it is
                    yield "sign flipped", part, f"(-{self.text(part)})"
                yield "factor 1.01", part, f"({self.text(part)} * 1.01)"


def called(node: Any) -> str | None:
    """The bare name of the function that a call calls."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", getattr(function, "attr", None))


def acting(root: ast.AST) -> Iterator[ast.AST]:
    """The nodes under `root` that do something: no hints, no errors nor what is asked before one, no facts."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, UNTOUCHED) or (isinstance(node, ast.keyword) and node.arg in FACTS):
            continue
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            waiting += node.orelse
            continue
        yield node
        hints = [node.returns] if isinstance(node, ast.FunctionDef) else []
        waiting += [child for child in ast.iter_child_nodes(node) if child not in hints]
