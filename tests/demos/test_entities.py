"""The entities demo: names of every kind, new in each part, and spans in colour."""

import numpy as np

from demos import entities
from demos.command import Settings, tagging
from minigrad.data import spans


def test_each_name_is_of_every_kind_and_in_one_part_alone():
    data = entities.load(Settings())
    names = set(tagging.phrases(entities.NAMES))
    kinds = [{}, {}, {}]
    for part, found in zip(data[:3], kinds):
        for words, tags in zip(part.words, part.tags):
            for span in spans(tags):
                for word in names & {*words[span.start : span.end]}:
                    found.setdefault(word, set()).add(span.kind)
    assert sum(map(len, kinds)) == len(names) == len(set().union(*kinds))
    assert all(found[name] == {"person", "place", "organisation"} for found in kinds for name in found)


def test_spans_are_in_brackets_and_in_colour_on_a_terminal_only(monkeypatch):
    sentence, tags = (
        ["We", "met", "Dr", "Kent", "in", "Kent", "."],
        ["O", "O", "B-person", "I-person", "O", "B-place", "O"],
    )
    plain = "We met [Dr Kent: person] in [Kent: place] ."
    assert entities.coloured(sentence, tags) == plain
    assert entities.coloured(["[red]", "x"], ["O", "O"]) == "[red] x"  # no markup of rich's
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    in_colour = entities.coloured(sentence, tags)
    assert "\x1b[" in in_colour and in_colour.count("Kent") == 2
    assert entities.COLOURS.keys() == entities.FORMS.keys()


def test_figures_of_each_kind():
    truth, found = [["B-person", "O", "B-place"]], [["B-person", "O", "O"]]
    assert entities.figures(truth, found) == {"F1": 2 / 3, "person": 1, "place": 0}


def test_all_forms_of_a_name():
    forms = entities.in_all_forms(["Kent"])
    assert {"Kent", "Ada Kent", "Dr Kent"} <= set(forms["person"])
    assert set(forms["place"]) == {"Kent", "Port Kent", "Kent Bay"}
    assert all(np.isin("Kent", form.split()) for kind in forms.values() for form in kind)
