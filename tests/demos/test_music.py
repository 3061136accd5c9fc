"""The music demo: notes and their names, melodies in parts and keys, and sound."""

import wave
from fractions import Fraction

import numpy as np
import pytest

from demos import music
from demos.command import Refusal, Settings
from demos.music import Note


def test_abc_notation():
    assert music.notes("C, c^F2 _B/ | z3/2 a'/4") == [
        Note(48, Fraction(1)), Note(72, Fraction(1)), Note(66, Fraction(2)), Note(70, Fraction(1, 2)),
        Note(None, Fraction(3, 2)), Note(93, Fraction(1, 4)),
    ]  # fmt: skip


@pytest.mark.parametrize("pitch", [None, *range(24, 100)])
@pytest.mark.parametrize("length", ["1", "2", "1/2", "3/2", "1/4", "12"])
def test_a_name_is_read_as_the_note_that_it_names(pitch, length):
    note = Note(pitch, Fraction(length))
    assert music.notes(music.named(note) * 2) == [note, note]


@pytest.mark.parametrize("text", ["", "H", "C D !", "2C", "C0", "C/0", "C^"])
def test_what_are_no_notes_is_refused(text):
    with pytest.raises(ValueError, match="expected notes such as"):
        music.notes(text)
    with pytest.raises(Refusal, match="--predict: expected notes such as"):
        music.predict(None, {"notes": []}, text)


def test_melodies_are_in_one_part_and_in_every_key():
    data = music.load(Settings())
    count = len(music.MELODIES.splitlines())
    assert [len(part) % 12 for part in data] == [0, 0, 0]
    assert sum(map(len, data)) == 12 * count
    tunes = [{tuple(n.length for n in melody) for melody in part} for part in data]
    assert sum(map(len, tunes)) == len(set.union(*tunes)) == count
    firsts = {melody[0].pitch for melody in data.test[:12]}
    assert max(firsts) - min(firsts) == 11 and len(firsts) == 12


def test_a_file_of_melodies(tmp_path):
    path = tmp_path / "melodies"
    path.write_text("\n".join(f"tune {i}: C D{i} E" for i in range(1, 11)))
    assert sum(map(len, music.load(Settings(data=str(path))))) == 120
    path.write_text("tune: C D E")
    with pytest.raises(Refusal, match="at least 8 melodies, got 1"):
        music.load(Settings(data=str(path)))
    path.write_text("tune: C D E\nC D E")
    with pytest.raises(Refusal, match="line 2: expected a name, a colon, and notes"):
        music.load(Settings(data=str(path)))


def test_baselines_of_one_note_for_ever():
    melodies = [music.notes("C" * 200)] * 2
    figures = music.baselines(music.Data(melodies, melodies, melodies))
    assert all(1 < row["perplexity"] < 1.1 for row in figures.values())


def test_sound_has_the_pitch_and_the_length(tmp_path):
    music.write_wav(tmp_path / "a.wav", music.notes("A2 z"))
    with wave.open(str(tmp_path / "a.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert (file.getnchannels(), file.getframerate()) == (1, music.RATE)
    assert len(samples) == pytest.approx(3 * music.QUARTER * music.RATE, abs=3)
    tone, rest = np.split(samples, [int(2 * music.QUARTER * music.RATE)])
    assert np.argmax(np.abs(np.fft.rfft(tone))) / (2 * music.QUARTER) == pytest.approx(440, abs=1)
    assert np.abs(tone).max() > 10_000
    assert not rest.any()
