"""What is run beside what."""

from benchmarks import plan
from benchmarks.work import operations


def test_every_table_has_rows_and_libraries():
    for title, works in plan.groups().items():
        assert (title in plan.GOALS) != (title in plan.GROWTH)
        for work in works:
            assert plan.libraries(title, work)[0] == "minigrad"
            peers = {peer for goal in plan.GOALS.get(title, ()) for peer in goal.peers}
            assert peers <= {*plan.libraries(title, work)}
    assert {*plan.GOALS, *plan.GROWTH} == {*plan.groups()}


def test_other_shapes_take_the_place_of_the_recurrent_ones():
    held_out = [(3, 7, 5, 96)]
    changed, usual = plan.groups(held_out), plan.groups()
    for title in plan.GOALS:
        if title.endswith(("training", "inference")) or title == "step":
            assert [work.shape for work in changed[title]] == held_out
        else:
            assert changed[title] == usual[title]


def test_what_grows_grows_in_one_axis():
    for title, (axis, _) in plan.GROWTH.items():
        shapes = [work.shape for work in plan.groups()[title]]
        for i in range(4):
            assert (len({shape[i] for shape in shapes}) > 1) == (i == axis)


def test_quick_is_a_part_of_it():
    for title, works in plan.groups(quick=True).items():
        assert works == plan.groups()[title][:2]


def test_a_tiny_work_is_of_the_same_kind():
    work = plan.groups()["lstm training"][-1]
    assert (work.tiny().kind, work.tiny().name, len(work.tiny().shape)) == (work.kind, work.name, 4)
    assert operations(work.tiny()) < operations(work)
