"""Mutants of whole rules: what the vjp of a registered primitive returns is broken on its way into the walk."""

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

NEEDS_SUM = {"broadcast_to", "einsum", "matmul", "where"}  # beside the pointwise ones of two inputs
Kind = Callable[[Any, Any], Any]


class Broken(NamedTuple):
    """One mutant: of `primitive`'s rule, the cotangent of input `place` is broken as `kind` says."""

    primitive: str
    place: int
    kind: str

    @property
    def name(self) -> str:
        """What reports and the list of equivalents call it."""
        return f"rule of {self.primitive}, input {self.place}: {self.kind}"

    def install(self) -> None:
        """Break the rule in this process."""
        from minigrad.graph import registry

        primitive: Any = registry[self.primitive]
        rule, place, kind = primitive.rule, self.place, self.kind

        def broken(g: Any, y: Any, *inputs: Any, **settings: Any) -> Any:
            if kind == "wrong axis":
                return rule(g, y, *inputs, **{**settings, "axis": other_axis(settings["axis"])})
            sent = rule(g, y, *inputs, **settings)
            parts = list(sent) if type(sent) is tuple else [sent]
            if place >= len(parts):
                return sent
            if kind == "operands swapped":
                if place + 1 < len(parts):
                    parts[place : place + 2] = reversed(parts[place : place + 2])
            elif parts[place] is not None:
                c = parts[place]() if type(parts[place]) is FunctionType else parts[place]
                parts[place] = CHANGES[kind](c, inputs[place])
            return tuple(parts)

        primitive.rule = broken


def first_slice(c: Any, x: Any) -> Any:
    """What broadcasting stretched is not summed: its first slice is taken for the sum."""
    shape = getattr(x, "shape", ())
    added = c.ndim - len(shape)
    if c.shape == shape or 0 in c.shape:
        return c
    return c[(0,) * added + tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]


def other_axis(axis: Any) -> Any:
    """The same one counted from the other end; all for one, and one for all."""
    if axis is None:
        return -1
    return tuple(-1 - a for a in axis) if isinstance(axis, tuple) else -1 - axis


CHANGES: dict[str, Kind] = {
    "sign flipped": lambda c, x: -c,
    "factor 1.01": lambda c, x: c * 1.01,
    "operand dropped": lambda c, x: None,
    "unbroadcast skipped": first_slice,
}


def rules() -> list[Broken]:
    """All mutants of all rules; run it where minigrad may be imported."""
    import minigrad  # noqa: F401 (fills the registry)
    from minigrad.graph import registry

    found = []
    for name, primitive in sorted(registry.items()):
        if primitive.rule:
            places = range(2 if primitive.variadic else primitive.arity)
            stretches = name in NEEDS_SUM or (primitive.pointwise and len(places) > 1)
            kinds = [kind for kind in CHANGES if kind != "unbroadcast skipped" or stretches]
            found += [Broken(name, place, kind) for place in places for kind in kinds]
            found += [Broken(name, place, "operands swapped") for place in places[:-1]]
            if "axis" in primitive.setting_names:
                found.append(Broken(name, 0, "wrong axis"))
    return found
