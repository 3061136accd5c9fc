"""Two exercises for you to solve: unfinished on purpose. test_lesson_02.py says when they are right."""

from collections.abc import Mapping, Sequence


def topological_order(inputs: Mapping[str, Sequence[str]], root: str) -> list[str]:
    """What leads to `root`, each name once and before all of its inputs; no recursion.

    inputs: the names of each node's inputs, for all nodes, also for those that do not lead to `root`; a name may
    stand there twice (as in a * a).
    """
    raise NotImplementedError("exercise 2.1: count, in what leads to root, who uses each node; it may go after them")


def count_paths(inputs: Sequence[Sequence[int]]) -> int:
    """How many paths lead from the last node back to node 0, each node visited once.

    inputs: for each node the numbers of its inputs, all smaller than its own; an input twice makes two paths.
    """
    raise NotImplementedError("exercise 2.2: start with 1 at the last node, go down, and add up what arrives")
