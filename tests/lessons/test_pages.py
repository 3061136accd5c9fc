"""Every block of every lesson runs, in order, and prints what the page says."""

import contextlib
import io
import re
import secrets
from itertools import pairwise

import pytest

import minigrad as mg
from minigrad.graph import registry
from minigrad.kernels.compile import available
from tests.documents import LESSONS, blocks, read

every_page = pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
COMPILED = ("08-gates", "10-from-the-tape-to-machine-speed")  # they show that a sequence is one node
NUMBER = re.compile(r"\d[\d,]*(\.\d+)?(e[+-]?\d+)?")


@pytest.fixture
def clean_registry():
    """What a page declares is gone after it."""
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def lines(text, varies):
    """What is compared of a print: its lines, without blanks at their ends (if it varies: without its numbers)."""
    text = re.sub(" +", " ", NUMBER.sub("#", text)) if varies else text
    return [line.rstrip() for line in text.rstrip().splitlines()]


@every_page
def test_blocks_print_what_the_page_says(page, clean_registry):
    if page.stem in COMPILED and not available():
        pytest.skip("no compiler")
    mg.manual_seed(secrets.randbits(32))  # a page that draws numbers has to seed them itself
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        printed = io.StringIO()
        code = compile("\n" * block.line + block.code, page, "exec")  # so that a traceback shows the page's line
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        expected, found = (lines(text, block.varies) for text in (block.printed, printed.getvalue()))
        assert found == expected, f"{page.name}, line {block.line + 1}"


@every_page
def test_form(page):
    text, number = read(page), int(page.name[:2])
    assert text.startswith(f"# {number}. ")
    assert len(text.splitlines()) <= 200
    assert f"python -m pytest docs/lessons/exercises/test_lesson_{number:02}.py" in text
    assert f"\n**{number}.1** " in text and f"\n**{number}.2** " in text
    for fence in re.findall(r"^```(\w[^\n]*)$", text, re.MULTILINE):
        assert fence in ("python", "text", "text varies"), f"a {fence} block is neither run nor compared"
    every_text = re.findall(r"^```text", text, re.MULTILINE)
    assert len(every_text) == sum(bool(block.printed) for block in blocks(page)), "a text block belongs to no code"


def test_lessons_follow_each_other():
    for page, following in pairwise(LESSONS):
        assert int(following.name[:2]) == int(page.name[:2]) + 1
        assert f"({following.name})" in read(page), f"{page.name} does not say what comes next"
