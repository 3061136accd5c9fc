"""Lesson 2: passes when lesson_02.py is solved."""

from itertools import pairwise

from docs.lessons.exercises.lesson_02 import count_paths, topological_order


def check_order(inputs, root, expected):
    order = topological_order(inputs, root)
    assert len(order) == len(set(order)), "a node was visited twice"
    assert set(order) == expected, "all that leads to the root, and nothing else"
    place = {name: i for i, name in enumerate(order)}
    for name in order:
        assert all(place[name] < place[x] for x in inputs[name]), f"{name} has to come before its inputs"


def test_2_1_a_shared_node():
    check_order({"a": [], "b": ["a", "a"], "c": ["b", "b"], "y": ["c", "b"]}, "y", {"a", "b", "c", "y"})


def test_2_1_a_long_way_and_a_short_one():
    inputs = {"y": ["a", "d"], "d": ["c"], "c": ["b"], "b": ["a"], "a": []}
    check_order(inputs, "y", set("yabcd"))
    check_order({**inputs, "y": ["d", "a"]}, "y", set("yabcd"))


def test_2_1_what_does_not_lead_to_the_root_stays_away():
    check_order({"a": [], "y": ["a"], "other": ["a", "y"]}, "y", {"a", "y"})


def test_2_1_a_long_chain():
    names = [str(i) for i in range(100_000)]
    inputs = {"0": [], **{name: [before, "0"] for before, name in pairwise(names)}}
    assert topological_order(inputs, names[-1]) == names[::-1]


def test_2_2_one_way():
    assert count_paths([[], [0], [1]]) == 1


def test_2_2_an_input_twice():
    assert count_paths([[], [0, 0], [1, 1], [2, 1]]) == 6


def test_2_2_a_dead_end():
    assert count_paths([[], [], [0, 1], [1]]) == 0, "node 1 is a leaf, too, and 3 uses nothing else"
    assert count_paths([[], [], [0, 1], [2, 1]]) == 1


def test_2_2_more_paths_than_anybody_could_walk():
    assert count_paths([[], *([i, i] for i in range(100))]) == 2**100
