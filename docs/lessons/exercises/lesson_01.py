"""Two exercises for you to solve: unfinished on purpose. test_lesson_01.py says when they are right.

A Tensor's node has `primitive` (its name is `primitive.name`, its rule `primitive.rule`), `inputs` (Tensors and plain
numbers; a number has no `node`), `values` (the same as arrays) and `output`. A leaf's primitive is None. A rule, given
g, the output and the values, returns one cotangent for each input: a tuple of them, or the one itself.
"""

from minigrad import Tensor


def ops_of(y: Tensor) -> list[str]:
    """Names of the operations from y back to the leaf. In each, one input is recorded: a Tensor with a node."""
    raise NotImplementedError("exercise 1.1: go from y.node to the node of its recorded input, until you are at a leaf")


def slope(y: Tensor) -> float:
    """dy/dx for such a chain from a leaf x to y, both single numbers, by the rules and without backward()."""
    raise NotImplementedError("exercise 1.2: begin with g = 1.0, and let each node's rule turn it into its input's")
