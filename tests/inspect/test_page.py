"""The report page: what is packed comes out again, nothing is asked of any host, and it works in a real Chromium."""

import base64
import hashlib
import json
import re
import shutil
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import minigrad as mg
from minigrad import inspect
from minigrad.inspect import page
from minigrad.inspect.page import Box, FlowAt, Flows, Panel, WalkStep
from minigrad.inspect.page.column import INSET, TOP, column, tops_of
from minigrad.inspect.page.write import CODES, channel, packed
from models import GRU, LSTM, Classifier, Tagger

EVIL = "</script><script>document.title = 'broken'</script>"


def unpacked(data):
    """As page.js does it."""
    codes = np.frombuffer(base64.b64decode(data["codes"]), "<u2").astype(np.float64).reshape(data["shape"])
    span = data["high"] - data["low"]
    if data["log"]:
        values = np.where(codes == 0, 0, 10 ** (data["low"] + span * (codes - 1) / (CODES - 1)))
    else:
        values = data["low"] + span * codes / CODES
    return np.where(codes == CODES + 1, np.nan, values)


matrices = array_shapes(min_dims=2, max_dims=2, max_side=5)


@given(arrays(np.float64, matrices, elements=st.floats(-1e6, 1e6) | st.just(np.inf) | st.just(np.nan)))
def test_what_is_packed_comes_out_to_one_in_100_000_of_the_range(array):
    finite = np.isfinite(array)
    out = unpacked(json.loads(json.dumps(packed(array), allow_nan=False)))
    np.testing.assert_array_equal(np.isfinite(out), finite)
    span = np.ptp(array[finite]) if finite.any() else 0
    np.testing.assert_allclose(out[finite], array[finite], rtol=0, atol=1e-5 * span + 1e-9)


@given(arrays(np.float64, matrices, elements=st.floats(1e-300, 1e300) | st.just(0.0) | st.just(np.inf)))
def test_norms_are_packed_by_their_logarithm_and_zero_stays_zero(array):
    out = unpacked(packed(array, log=True))
    np.testing.assert_array_equal(out == 0, array == 0)
    np.testing.assert_array_equal(np.isfinite(out), np.isfinite(array))
    there = np.isfinite(array) & (array > 0)
    decades = np.ptp(np.log10(array[there])) if there.any() else 0
    np.testing.assert_allclose(np.log10(out[there]), np.log10(array[there]), rtol=0, atol=1e-5 * decades + 1e-9)


def test_colours_go_from_0_to_1_for_gates_and_as_far_below_0_as_above_for_states():
    ends = {name: (c["low"], c["high"]) for name, c in (
        ("gate", channel("f", np.array([[0.2, 0.9]]))), ("state", channel("c", np.array([[-0.5, 3.0]]))))}  # fmt: skip
    assert ends == {"gate": (0, 1), "state": (-3, 3)}


depths = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


@given(depths)
def test_boxes_stand_below_each_other_and_inside_their_frames(drawn):
    boxes, deepest = [], 0
    for depth, lines in drawn:
        depth = min(depth, deepest)
        boxes.append(Box("b", ["x"] * lines, depth=depth))
        deepest = depth + 1
    places = tops_of(boxes)
    for i, (top, height) in enumerate(places):
        assert top >= TOP
        for k in range(i + 1, len(boxes)):
            below, size = places[k]
            if all(box.depth > boxes[i].depth for box in boxes[i + 1 : k + 1]):
                assert below > top and below + size + INSET <= top + height
            else:
                assert below > top + height


def test_edges_lead_from_and_to_their_boxes():
    boxes = [Box("a", kind="leaf"), Box("b"), Box("c", inputs=[0, 1])]
    svg = column(boxes, "three")
    assert svg.count('class="tip"') == 2 and svg.count("<rect") == 3
    with pytest.raises(ValueError, match=r"GraphSection: expected inputs before box 0 \(a\), got \[1\]"):
        page.GraphSection(title="", boxes=[Box("a", inputs=[1]), Box("b")])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Panel("loss", {}), "Panel 'loss': expected at least one line"),
        (lambda: Panel("loss", {"lstm": []}), "and no empty one"),
        (lambda: FlowAt("now", np.zeros(3)), r"FlowAt 'now': expected norms \[losses, states\], got \(3,\)"),
        (lambda: FlowAt("now", np.zeros((2, 3)), np.zeros(2)), r"expected jacobian \[states\] = \(3,\), got \(2,\)"),
        (lambda: Flows("rnn", []), "expected norms of one shape at one time at least"),
        (lambda: page.Units("u", ["a"], {"h": np.zeros((2, 1))}, [0]), r"expected h \[time, units\] \(1, 1\)"),
        (lambda: page.Attention("a", ["x"], [], np.zeros((0, 1))), r"none of them 0"),
        (lambda: page.Rows(title="", headings=["a"], rows=[["1", "2"]]), "expected 1 entries, one a heading"),
        (lambda: page.GraphSection(title="", boxes=[]), "expected at least one box, got none"),
        (lambda: page.write_page("x.html", "t", []), "write_page: expected at least one section, got none"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_page_of_over_ten_megabytes_is_refused_and_nothing_is_written(tmp_path):
    flows = [Flows("rnn", [FlowAt("now", np.random.default_rng(0).random((2000, 2000)))])]
    with pytest.raises(ValueError, match=r"at most 10,000,000 bytes, got 10,\d{3},\d{3}, of which 10,.*'Too much'"):
        page.write_page(tmp_path / "x.html", "t", [page.FlowSection(title="Too much", flows=flows)])
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match=r"expected sections of minigrad\.inspect\.page, got str"):
        page.write_page(tmp_path / "x.html", "t", ["text"])


# from what inspect found


def test_the_example_in_the_docstring_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", page.__doc__, re.DOTALL)
    exec(code, {})
    assert (tmp_path / "runs" / "mine.html").stat().st_size > 20_000


@pytest.fixture
def tagged():
    """A tagger that reads both ways, with lengths: its runs, losses and gradient flows."""
    mg.manual_seed(0)
    model = Tagger(LSTM(3, 70, bidirectional=True), 2)
    x = mg.tensor(np.random.default_rng(0).standard_normal((2, 6, 3)), np.float32)
    with inspect.watch(model) as runs:
        losses = model.step_losses(x, np.ones((2, 6), int), [6, 4])
    return runs, losses


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_flows_are_the_means_over_the_sequences_that_have_not_ended(tagged, direction):
    runs, losses = tagged
    run = runs[f"network.{direction}_layer.cell"]
    flow, jacobian = inspect.gradient_flow(losses, run), inspect.state_jacobians(run)
    shown = page.flows("lstm", {"now": flow}, {"now": jacobian})
    (stop,) = shown.stops
    np.testing.assert_array_equal(stop.norms, flow.mean)
    assert shown.ends == [4] and len(stop.jacobian) == 7
    first, both, one = (0, 2, 5) if direction == "forward" else (6, 2, 4)
    by_step = stop.jacobian if direction == "forward" else stop.jacobian[::-1]
    assert by_step[first] == pytest.approx(jacobian[first].mean())
    assert by_step[both] == pytest.approx(jacobian[both].mean())
    assert by_step[one] == pytest.approx(jacobian[one, 0])


def test_units_end_with_their_sequence_and_come_in_order(tagged):
    runs, losses = tagged
    run = runs["network.forward_layer.cell"]
    order, _ = inspect.telling_units(losses[-1], run)
    shown = page.units("second", run, 1, ["a", "b"], order, saliency=np.arange(6))
    assert list(shown.steps) == ["a", "b", "", ""] and list(shown.values) == ["h", "c", "i", "f", "g", "o"]
    assert shown.units == order[: page.MOST].tolist() and len(shown.units) == page.MOST < 70
    np.testing.assert_array_equal(shown.values["c"], run.values("c")[1, :4][:, order[: page.MOST]])
    np.testing.assert_array_equal(shown.saliency, [0, 1, 2, 3])


def test_a_drawing_becomes_a_column_with_its_arrows():
    model = Classifier(GRU(3, 4), 2)
    loss = model.loss(mg.tensor(np.ones((2, 50, 3), np.float32), requires_grad=True), [0, 1])
    drawing = inspect.draw(loss, names=model)
    shown = page.graph("graph", drawing)
    kept = [box for box in drawing.everything() if box.kind != "constant"]
    assert sorted(box.title for box in shown.boxes) == sorted(box.title.split(": ")[-1] for box in kept)
    (loop,) = (box for box in shown.boxes if box.kind == "loop")
    assert (
        loop.title == "GRUCell x 50"
        and loop.lines[0] == "Layer network"
        and any(line.startswith("hands on") for line in loop.lines)
    )
    arrows = [a for a in drawing.arrows if not a.carried and a.source.kind != "constant"]
    assert sum(len(box.inputs) for box in shown.boxes) == len(arrows)
    assert shown.texts["As text"] == str(drawing)


def test_a_walk_names_each_node_once_and_shows_what_arrives():
    a, b = mg.tensor(2.0, requires_grad=True), mg.tensor(3.0, requires_grad=True)
    shown = page.walk("walk", inspect.walk(a * b + a, names={"a": a, "b": b}))
    assert [box.title for box in shown.boxes] == ["a", "b", "%1 = multiply", "%2 = add"]
    assert [list(box.inputs) for box in shown.boxes] == [[], [], [0, 1], [2, 0]]
    add, multiply = shown.steps
    assert (add.box, multiply.box) == (3, 2)
    assert add.sent == [("%1", "1.0"), ("a", "1.0")]
    assert multiply.sent == [("a", "3.0"), ("b", "2.0")] and multiply.arrived == [("a", "4.0"), ("b", "2.0")]


# the file


def everything():
    """A section of each kind, with text that would break a careless page."""
    rng = np.random.default_rng(0)
    time_ = 12
    later, earlier = np.arange(1, time_ + 1)[:, None], np.arange(time_ + 1)[None]

    def norms(rate):
        return np.where(earlier <= later, np.exp(-rate * (later - earlier)), 0)

    stops = [FlowAt(f"epoch {i}", norms(rate), np.exp(-rate * earlier[0])) for i, rate in enumerate((1.0, 0.1))]
    words = ["Free", EVIL, "a\nb", *"wordswords"][:time_]
    values = {name: rng.uniform(-1, 1, (len(words), 5)) for name in ("h", "f")}
    boxes = [Box("x", ["float32[2]"], "leaf"), Box("LSTMCell x 9", kind="loop", inputs=[0]), Box("sum", inputs=[1, 0])]
    steps = [WalkStep(f"step {i}", "lambda g: g", "1", "1", [("a", "2")], [("a", "2")], 2 - i) for i in range(3)]
    return [
        page.Rows(title="Figures & <b>", headings=["network", "accuracy"], rows=[["lstm", "98%"]]),
        page.Curves(title="Training", panels=[Panel("loss", {"lstm": [2.0, 1.0, np.nan, 0.1], "gru": [0.5]},
                                                    dots={"lstm": 3})]),
        page.FlowSection(title="Flow", flows=[Flows("rnn", stops, ends=[7], cuts=[0, 6]), Flows("lstm", stops[:1])]),
        page.UnitsSection(title="Units", views=[
            page.Units("text", words, values, [3, 1, 4, 0, 2], saliency=rng.standard_normal(len(words))),
            page.Units("picture", [""] * 4, {"h": rng.uniform(0, 1, (4, 2))}, [0, 1], picture=rng.random((4, 6))),
        ]),
        page.UnitsSection(title="Letters", joined=True, views=[
            page.Units("t", ["a", "\n", "b", "c"], {"h": np.eye(4)}, range(4))
        ]),
        page.AttentionSection(title="Attention", views=[
            page.Attention("one", ["der", "Hund"], ["the", "dog"], np.array([[0.9, 0.1], [0.2, 0.8]])),
        ]),
        page.GraphSection(title="Graph", boxes=boxes, texts={"As text": EVIL}),
        page.WalkSection(title="Walk", boxes=boxes, steps=steps),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return page.write_page(tmp_path_factory.mktemp("page") / "a" / "page.html", f"A page {EVIL}", everything(), [EVIL])


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_nothing_is_fetched_and_only_the_one_script_may_run(written):
    text = written.read_text("utf-8")
    tags = Tags()
    tags.feed(text)
    names = [tag for tag, _ in tags.found]
    assert names.count("script") == 2 and names.count("style") == 1
    assert not {"img", "link", "iframe", "object", "base", "form"} & set(names)
    assert not [
        a for _, attributes in tags.found for a in attributes if a in ("src", "srcset", "style") or a[:2] == "on"
    ]
    assert all(attributes["href"].startswith("#") for tag, attributes in tags.found if tag == "a")
    (policy,) = (a["content"] for _, a in tags.found if a.get("http-equiv") == "Content-Security-Policy")
    script, style = (re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1] for tag in ("script", "style"))
    hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (script, style)]
    assert policy == "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'".format(*hashes)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(|\beval\b", script + style)


def test_every_control_and_picture_has_a_name(written):
    tags = Tags()
    tags.feed(written.read_text("utf-8"))
    assert all("aria-label" in a or a.get("aria-hidden") for tag, a in tags.found if tag in ("svg", "canvas"))
    text = written.read_text("utf-8")
    assert len(re.findall(r"<(?:select|input)", text)) == len(re.findall(r"<label>[^<]+<(?:select|input)", text))
    ids = [a["id"] for _, a in tags.found if "id" in a]
    assert len(ids) == len(set(ids))


# in Chromium


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("chromium and chromedriver are not on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, written):
    browser.get(written.as_uri())
    look(browser)
    return browser


def look(browser, width=1000, scheme="light"):
    """The window's width, and whether the user likes it dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    time.sleep(0.2)  # until it is drawn anew


def pixels(browser, section):
    """What is drawn on a section's canvas."""
    return browser.execute_script(f"return document.querySelector('#section-{section} canvas').toDataURL()")


def text(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0]).textContent", selector)


def press(browser, selector, *keys):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.find_element(By.CSS_SELECTOR, selector).send_keys(*(getattr(Keys, key) for key in keys))


def point_at(browser, selector, across, down):
    """Move the mouse to a share of an element's width and height."""
    browser.execute_script(
        """const element = document.querySelector(arguments[0]), box = element.getBoundingClientRect();
        element.dispatchEvent(new PointerEvent("pointermove",
            {clientX: box.left + box.width * arguments[1], clientY: box.top + box.height * arguments[2]}));""",
        selector, across, down,
    )  # fmt: skip


def test_it_opens_without_errors_and_without_a_request(opened, written):
    messages = opened.get_log("browser")
    assert messages == []
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked == {written.as_uri()}
    assert opened.title == f"A page {EVIL}"


def test_the_slider_moves_the_picture_and_says_where_it_is(opened):
    slider = "#section-2 input"
    last, label = pixels(opened, 2), text(opened, "#section-2 .stop")
    assert label == "epoch 1"
    described = opened.execute_script("return document.querySelector('#section-2 canvas').ariaLabel")
    press(opened, slider, "ARROW_LEFT")
    assert text(opened, "#section-2 .stop") == "epoch 0" and pixels(opened, 2) != last
    assert opened.execute_script("return document.querySelector('#section-2 canvas').ariaLabel") != described
    assert "epoch 0" in opened.execute_script("return document.querySelector('#section-2 .below svg').ariaLabel")
    press(opened, slider, "ARROW_RIGHT")
    assert pixels(opened, 2) == last


def test_pointing_says_the_number(opened):
    point_at(opened, "#section-2 canvas", 0.07, 0.03)  # the first loss, the first state
    assert text(opened, "#section-2 .readout") == "t = 1, s = 0: |dL/dh| = 0.905"
    point_at(opened, "#section-1 svg", 0.99, 0.5)
    assert text(opened, "#section-1 .readout") == "epoch 4: lstm 0.1, gru ended before"
    point_at(opened, "#section-5 canvas", 0.9, 0.05)
    assert text(opened, "#section-5 .readout") == "writing the, it looked at Hund (2) with weight 0.1"


def test_the_arrow_keys_say_the_number_too(opened):
    press(opened, "#section-2 canvas", "ARROW_RIGHT", "ARROW_UP")
    assert text(opened, "#section-2 .readout") == f"t = 11, s = 1: |dL/dh| = {np.exp(-1.0):.3g}"
    press(opened, "#section-1 svg", "ARROW_RIGHT")
    assert text(opened, "#section-1 .readout") == "epoch 2: lstm 1, gru ended before"


def test_words_are_coloured_by_the_unit_that_is_chosen(opened):
    def colours():
        return opened.execute_script(
            "return [...document.querySelectorAll('#section-3 .tokens span')].map(span => span.style.background)"
        )

    what, unit = (f"#section-3 label:nth-of-type({i}) select" for i in (2, 3))
    by_h = colours()
    words = opened.execute_script(
        "return [...document.querySelectorAll('#section-3 .tokens span')].map(span => span.textContent)"
    )
    assert words[:3] == ["Free", EVIL, "a\u21b5b"] and len(set(by_h)) > 3
    press(opened, unit, "ARROW_DOWN")
    by_second = colours()
    assert by_second != by_h
    press(opened, what, "END")
    assert colours() not in (by_h, by_second)
    assert not opened.execute_script(f"return document.querySelector('{unit}').checkVisibility()")  # saliency has none
    assert text(opened, "#section-3 .high") != "1"


def test_a_click_in_the_map_chooses_its_unit(opened):
    press(opened, "#section-3 canvas", "ARROW_RIGHT", "ARROW_RIGHT", "ENTER")
    chosen = "return document.querySelector('#section-3 label:nth-of-type(3) select').value"
    assert opened.execute_script(chosen) == "2"
    assert "unit 4 = " in text(opened, "#section-3 .readout")


def test_next_and_previous_by_button_and_by_key(opened):
    from selenium.webdriver.common.by import By

    def now():
        shown = (
            "return [...document.querySelectorAll('#section-7 article')].filter(a => !a.hidden).map(a => a.dataset.box)"
        )
        marked = "return [...document.querySelectorAll('#section-7 .now')].map(box => box.dataset.box)"
        assert opened.execute_script(shown) == opened.execute_script(marked)
        return opened.execute_script(shown), text(opened, "#section-7 .where")

    previous, following = opened.find_elements(By.CSS_SELECTOR, "#section-7 button")
    assert now() == (["2"], "step 1 of 3")
    following.click()
    assert now() == (["1"], "step 2 of 3")
    press(opened, "#section-7 button:nth-of-type(2)", "ARROW_RIGHT", "ARROW_RIGHT")
    assert now() == (["0"], "step 3 of 3") and following.get_attribute("aria-disabled") == "true"
    previous.click()
    assert now() == (["1"], "step 2 of 3")
    press(opened, "#section-7 .map", "HOME")
    assert now() == (["2"], "step 1 of 3")


def test_on_a_phone_nothing_is_wider_than_the_screen(opened):
    before = pixels(opened, 2)
    look(opened, width=390)
    assert opened.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
    wide = """return [...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll, pre, .map"))
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
    assert opened.execute_script(wide) == []
    assert pixels(opened, 2) != before  # drawn anew for this width


def test_in_the_dark_the_colours_change(opened):
    def colours():
        return opened.execute_script(
            "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
        )

    light, drawn = colours(), pixels(opened, 2)
    look(opened, scheme="dark")
    assert not set(colours()) & set(light) and pixels(opened, 2) != drawn  # the canvas, too: numbers at its sides


def test_the_focus_can_be_seen(opened):
    for selector in ("#section-2 input", "#section-2 canvas", "#section-7 button"):
        press(opened, selector, "SHIFT")  # by the keyboard
        style = f"return getComputedStyle(document.querySelector('{selector}')).outlineStyle"
        assert opened.execute_script(style) == "solid", selector
