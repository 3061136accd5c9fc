"""Solutions of lesson 2's exercises."""

from collections import Counter
from collections.abc import Mapping, Sequence


def topological_order(inputs: Mapping[str, Sequence[str]], root: str) -> list[str]:
    users, seen, waiting = Counter(), {root}, [root]
    while waiting:
        for x in inputs[waiting.pop()]:
            users[x] += 1
            if x not in seen:
                seen.add(x)
                waiting.append(x)
    order, waiting = [], [root]
    while waiting:
        order.append(name := waiting.pop())
        for x in inputs[name]:
            users[x] -= 1
            if users[x] == 0:
                waiting.append(x)
    return order


def count_paths(inputs: Sequence[Sequence[int]]) -> int:
    paths = [0] * len(inputs)
    paths[-1] = 1
    for node in reversed(range(len(inputs))):
        for x in inputs[node]:
            paths[x] += paths[node]
    return paths[0]
