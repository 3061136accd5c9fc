"""Every exercise's tests fail until it is solved, and pass with the solution that is kept here."""

import inspect
import re
import runpy
import sys
from types import ModuleType

import pytest

from tests.documents import LESSONS, ROOT

EXERCISES = ROOT / "docs" / "lessons" / "exercises"
SOLUTIONS = ROOT / "tests" / "lessons" / "solutions"
PACKAGE = "docs.lessons.exercises"
NAMES = [f"lesson_{page.name[:2]}" for page in LESSONS]
OPEN = re.compile(r'raise NotImplementedError\(\s*f?"exercise (\d+\.\d+): ')
every_lesson = pytest.mark.parametrize("name", NAMES)
every_exercise = pytest.mark.parametrize(("name", "part"), [(name, part) for name in NAMES for part in (1, 2)])


def number(name):
    return int(name.removeprefix("lesson_"))


def source(name):
    return (EXERCISES / f"{name}.py").read_text(encoding="utf-8")


def solution(name):
    return (SOLUTIONS / f"{name}.py").read_text(encoding="utf-8")


def module(name, code, path):
    made = ModuleType(f"{PACKAGE}.{name}")
    exec(compile(code, path, "exec"), vars(made))
    return made


def checks(monkeypatch, name, part, code, path):
    """The tests of an exercise, for this code in place of the learner's file."""
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.{name}", module(name, code, path))
    found = runpy.run_path(str(EXERCISES / f"test_{name}.py"))
    chosen = [f for key, f in found.items() if key.startswith(f"test_{number(name)}_{part}_")]
    assert chosen, f"no test of exercise {number(name)}.{part}"
    return chosen


def skip_if_worked_on(name):
    """A learner solves exercises in place: that is no failure of ours."""
    if OPEN.findall(source(name)) != [f"{number(name)}.{part}" for part in (1, 2)]:
        pytest.skip(f"docs/lessons/exercises/{name}.py has been worked on")


@every_lesson
def test_file_says_that_it_is_unfinished_on_purpose(name):
    skip_if_worked_on(name)
    assert "unfinished on purpose" in source(name).splitlines()[0]


@every_exercise
def test_fails_until_solved(monkeypatch, name, part):
    skip_if_worked_on(name)
    for test in checks(monkeypatch, name, part, source(name), EXERCISES / f"{name}.py"):
        with pytest.raises(NotImplementedError, match=rf"^exercise {number(name)}\.{part}: "):
            test()


@every_exercise
def test_fails_where_nothing_is_returned(monkeypatch, name, part):
    skip_if_worked_on(name)
    idle = re.sub(r"raise NotImplementedError\(.*?\)$", "return None", source(name), flags=re.MULTILINE | re.DOTALL)
    assert idle.count("return None") >= 2
    for test in checks(monkeypatch, name, part, idle, "idle"):
        with pytest.raises(Exception):  # noqa: B017 (whichever comes of None)
            test()


@every_exercise
def test_passes_with_the_solution(monkeypatch, name, part):
    for test in checks(monkeypatch, name, part, solution(name), SOLUTIONS / f"{name}.py"):
        test()


def faces(found):
    """What a file defines: the arguments of each function and method, by name."""
    own = {key: x for key, x in vars(found).items() if getattr(x, "__module__", None) == found.__name__}
    functions = {key: x for key, x in own.items() if inspect.isfunction(x)}
    methods = {
        f"{key}.{inner}": f
        for key, x in own.items()
        if inspect.isclass(x)
        for inner, f in vars(x).items()
        if inspect.isfunction(f)
    }
    return {key: str(inspect.signature(f)) for key, f in {**functions, **methods}.items()}


@every_lesson
def test_the_solution_has_the_face_that_the_exercise_asks_for(name):
    skip_if_worked_on(name)
    asked, solved = faces(module(name, source(name), "asked")), faces(module(name, solution(name), "solved"))
    assert asked.items() <= solved.items()


@every_lesson
def test_every_test_belongs_to_an_exercise(name):
    defined = re.findall(r"^def (test_\w+)", (EXERCISES / f"test_{name}.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert all(re.match(rf"test_{number(name)}_[12]_", test) for test in defined)
