"""How a computation is recorded: every use of a primitive on a Tensor that wants a gradient leaves a Node."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import as_data, private
from .domain import REAL, Domain
from .errors import explained
from .mode import mode
from .node import NO_SETTINGS, Node, Traced, wrap
from .shortcut import shortcut

Rule = Callable[..., Any]
registry: dict[str, Primitive] = {}


class Primitive:
    """A forward on arrays, and the rule that pulls a cotangent back through it."""

    def __init__(
        self, forward: Rule, vjp: Rule | None = None, doc: str | None = None,
        domain: Domain | tuple[Domain, ...] = REAL, analytic: bool = True, pointwise: bool = False,
    ) -> None:  # fmt: skip
        parameters = [] if isinstance(forward, np.ufunc) else inspect.signature(forward).parameters.values()
        settings = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.name = "abs" if forward is np.abs else forward.__name__.rstrip("_")
        self.doc = doc or (f"NumPy's {self.name}." if isinstance(forward, np.ufunc) else forward.__doc__)
        self.forward, self.rule = forward, vjp
        self.domain, self.analytic, self.pointwise = domain, analytic, pointwise
        self.arity = getattr(forward, "nin", sum(p.kind is p.POSITIONAL_ONLY for p in parameters))
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.setting_names = [p.name for p in settings]
        self.defaults = {p.name: p.default for p in settings if p.default is not p.empty}

    def vjp(self, rule: Rule) -> Rule:
        """Declare the rule `rule(g, y, *inputs, **settings)`: one cotangent per input, None where there is none.

        It is called with arrays, or with Tensors where its own derivative is wanted. A costly cotangent may be
        returned as a function of nothing, called only if somebody wants it.
        """
        self.rule = rule
        return rule

    def bind(self, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Tell the array inputs from the settings, which may come by position or by name."""
        if named and not self.setting_names:
            raise TypeError(f"{self.name} takes no settings, got {', '.join(named)}")
        if self.variadic or not self.setting_names:
            return arguments, {**self.defaults, **named} if self.setting_names else NO_SETTINGS
        inputs, by_position = arguments[: self.arity], arguments[self.arity :]
        twice = set(self.setting_names[: len(by_position)]) & set(named)
        if len(inputs) < self.arity or len(by_position) > len(self.setting_names) or twice:
            also = f" and {', '.join(sorted(twice))} by name as well" if twice else ""
            signature = inspect.signature(self.forward)
            raise TypeError(f"{self.name}{signature} was given {len(arguments)} positional arguments{also}")
        return inputs, {**self.defaults, **dict(zip(self.setting_names, by_position)), **named}

    def apply(self, *arguments: Any, **named: Any) -> Any:
        """The general case of a call: any mix of Tensors, arrays, numbers and settings."""
        inputs, settings = self.bind(arguments, named)
        values = [x.array if isinstance(x, Traced) else as_data(x, self.name) for x in inputs]
        nodes = [x.node for x in inputs if isinstance(x, Traced)]
        if not ((self.rule or mode.tracing) and mode.recording and any(nodes)):
            output = self.run(values, settings)
            return wrap(output, None) if nodes else output
        values = [v if isinstance(x, Traced) else private(v, self.name) for v, x in zip(values, inputs)]
        output = self.run(values, settings)
        return wrap(output, Node(self, inputs, tuple(values), output, settings))

    def run(self, values: Sequence[Any], settings: Mapping[str, Any] = NO_SETTINGS) -> Any:
        """The forward, with errors that say which op was given what."""
        try:
            return self.forward(*values, **settings)
        except Exception as error:
            raise explained(error, self.name, values) from None


def primitive(forward: Rule | None = None, /, **facts: Any) -> Any:
    """Declare a primitive by its forward: a NumPy ufunc, or a function of arrays (before `/`, or `*`) and settings.

    The rule comes as `vjp`, or right under it with `@op.vjp`; without one no gradient passes. Other facts: `domain`,
    where it is smooth (one for all inputs, or one each); `analytic`, whether the forward holds for complex numbers;
    `pointwise`, whether it works entry by entry and broadcasts; `doc`, where the forward has no docstring.
    """
    if forward is None:
        return functools.partial(primitive, **facts)
    this = Primitive(forward, **facts)
    registry[this.name] = this
    call: Any = functools.wraps(forward)(shortcut(this))
    if isinstance(forward, np.ufunc):
        del call.__wrapped__  # whose signature has `out`, `where`, ...: no op takes them
    call.primitive, call.vjp, call.__name__, call.__doc__ = this, this.vjp, this.name, this.doc
    return call


pointwise = functools.partial(primitive, pointwise=True)
