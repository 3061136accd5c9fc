"""Old melodies, note after note: what comes next, and new ones as sound (many to many)."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import SHOWN, Sample, of_texts
from minigrad.data import BOS, EOS, SPECIALS, Vocabulary, bucketed_batches, split
from minigrad.nn import Embedding, Module
from models import Embedded, LanguageModel, perplexity
from models.ngrams import Pairs, bigram_loss, unigram_loss
from models.training import mean_loss

VECTOR = 64  # size of a note's vector
KEYS = range(-5, 7)  # half tones by which a melody is moved: all twelve keys
RATE, QUARTER = 22_050, 0.4  # sound: samples and quarter notes, per second and in seconds
LEAST = 8  # melodies
SOUND = Path("runs", "music.wav")

# Old tunes, in the public domain, written down from memory, in ABC notation: C is middle C, c the one above, C, the one
# below; ^ and _ are sharp and flat, z is a rest; C2, C/, C3/2 last two, half and three halves of a quarter
MELODIES = """\
Frere Jacques: CDEC CDEC EFG2 EFG2 G/A/G/F/EC G/A/G/F/EC CG,C2 CG,C2
Twinkle, Twinkle: CCGG AAG2 FFEE DDC2 GGFF EED2 GGFF EED2 CCGG AAG2 FFEE DDC2
Ode to Joy: EEFG GFED CCDE E3/2D/D2 EEFG GFED CCDE D3/2C/C2 DDEC DE/F/EC DE/F/ED CDG,2
Greensleeves: A c2d e3/2f/e d2B G3/2A/B c2A A3/2^G/A B2^G E2A c2d e3/2f/e d2B G3/2A/B c3/2B/A ^G3/2^F/^G A3
Mary Had a Little Lamb: E3/2D/CD EEE2 DDD2 EGG2 E3/2D/CD EEEE DDED C4
London Bridge: G3/2A/GF EFG2 DEF2 EFG2 G3/2A/GF EFG2 D2G2 EC3
Row, Row, Row Your Boat: C3/2C3/2 CD/E3/2 ED/EF/ G3 c/c/c/G/G/G/ E/E/E/C/C/C/ GF/ED/ C3
Jingle Bells: EEE2 EEE2 EGC3/2D/ E4 FFF3/2F/ FEEE/E/ EDDE D2G2 EEE2 EEE2 EGC3/2D/ E4 FFF3/2F/ FEEE/E/ GGFD C4
Au clair de la lune: CCCD E2D2 CEDD C4 CCCD E2D2 CEDD C4 DDDD A,2A,2 DCB,A, G,4 CCCD E2D2 CEDD C4
Auld Lang Syne: G, C3/2C/CE D3/2C/DE C3/2C/EG A3A G3/2E/EC D3/2C/DE C3/2A,/A,G, C3
Amazing Grace: G, C2E/C/ E2D C2A, G,2G, C2E/C/ E2D G3 G2E G2E/C/ E2D C2A, G,2G, C2E/C/ E2D C3 C2
Oh! Susanna: C/D/ EGG3/2A/ GEC3/2D/ EEDC D3C/D/ EGG3/2A/ GEC3/2D/ EEDD C4 F2F2 AA2A GGEC D3
When the Saints: CEF G4 zCEF G4 zCEF G2E2 C2E2 D4 zEED C3C E2G2 GF3 EFG2 E2C2 D2C4
Old MacDonald: CCCG, A,A,G,2 EEDD C3G, CCCG, A,A,G,2 EEDD C4
Yankee Doodle: CCDE CED2 CCDE C2B,2 CCDE FEDC B,G,A,B, C2C2 A,3/2B,/A,G, A,B,C2 G,3/2A,/G,F, E,2G,2
This Old Man: GEG2 GEG2 AGFE DEFE/F/ GCCC C/D/E/F/G2 GDDF EDC2
Baa, Baa, Black Sheep: CCGG A/B/c/A/G2 FFEE DDC2 GG/G/FF EE/E/D2 GG/G/FF EED2 CCGG A/B/c/A/G2 FFEE DDC2
Sur le pont d'Avignon: CCC2 DDD2 EFGC B,CDG, CCC2 DDD2 EFGC DB,C2
Haenschen klein: GEE2 FDD2 CDEF GGG2 GEE2 FDD2 CEGG C4 DDDD DEF2 EEEE EFG2 GEE2 FDD2 CEGG C4
Alle meine Entchen: CDEF G2G2 AAAA G4 AAAA G4 FFFF E2E2 DDDD C4
Go Tell Aunt Rhody: E2ED C2C2 D2D2 FEDC G2GF E2ED CDED C4
Good King Wenceslas: CCCD CCG,2 A,G,A,B, C2C2 CCCD CCG,2 A,G,A,B, C2C2 GFED EDC2 A,G,A,B, C2C2
Joy to the World: c2B3/2A/ G3F E2D2 C3G A3A B3B c3c cBAG G3/2F/Ec cBAG G3/2F/E
Silent Night: G3/2A/G E3 G3/2A/G E3 d2d B3 c2c G3 A2A c3/2B/A G3/2A/G E3 A2A c3/2B/A G3/2A/G E3
Drunken Sailor: AA/A/AA/A/ ADFA GG/G/GG/G/ GCEG AA/A/AA/A/ ABcd cAGE D2D2
Clementine: C/C/ CG,E/E/ ECC/E/ GGF/E/ D2D/E/ FFE/D/ ECC/E/ DG,B,/D/ C2
Skip to My Lou: EECC E/E/EG2 DDB,B, D/D/DF2 EECC E/E/EG2 DE/F/ED C2C2
Camptown Races: GGEG AGE2 ED3 ED3 GGEG AGE2 DE/D/C2 CCEG c4 AAcA G4
"""


class Note(NamedTuple):
    """A pitch in half tones (60 is middle C; None: a rest), and how long it lasts, in quarter notes."""

    pitch: int | None
    length: Fraction


Melody = list[Note]
NOTE = re.compile(r"([\^_]?)([A-Ga-gz])([,']*)([1-9]\d*|)(/?)((?<=/)[1-9]\d*|)")
STEPS = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
NAMES = ["C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B"]


class Data(NamedTuple):
    """Melodies in three parts, none in two of them, each in every key."""

    train: list[Melody]
    validation: list[Melody]
    test: list[Melody]


def load(settings: Settings) -> Data:
    """A fifth of the melodies to validate, a fifth to test on, and all of them in every key."""
    own = (notes(line.partition(":")[2]) for line in MELODIES.splitlines())
    melodies = read(settings.file) if settings.file else list(own)
    parts = split(len(melodies), (0.6, 0.2, 0.2), settings.seed)
    return Data(*([moved(melodies[i], by) for i in part for by in KEYS] for part in parts))


def read(path: Path) -> list[Melody]:
    """A melody from each line of the user's file: a name, a colon, notes."""
    melodies = []
    for number, line in numbered_lines(path):
        try:
            melodies.append(notes(line.partition(":")[2]))
        except ValueError:
            raise bad_line(path, number, line, "a name, a colon, and notes such as C D2 ^F/ z") from None
    if len(melodies) < LEAST:
        raise Refusal(f"{path}: expected at least {LEAST} melodies, got {len(melodies)}")
    return melodies


def notes(text: str) -> Melody:
    """Notes in ABC notation; spaces and bars may stand anywhere. Raises ValueError for anything else, and for none."""
    text = re.sub(r"[\s|]", "", text)
    if not re.fullmatch(f"(?:{NOTE.pattern})+", text):
        raise ValueError(f"expected notes such as C D2 ^F/ z, got {text[:60]!r}")
    return [note(match) for match in NOTE.finditer(text)]


def note(match: re.Match[str]) -> Note:
    """A note by what NOTE found."""
    accidental, letter, octaves, times, slash, part = match.groups()
    length = Fraction(int(times or 1), int(part or 2) if slash else 1)
    if letter == "z":
        return Note(None, length)
    octave = octaves.count("'") - octaves.count(",") + letter.islower()
    return Note(STEPS[letter.upper()] + 12 * octave + {"^": 1, "_": -1, "": 0}[accidental], length)


def named(note: Note) -> str:
    """A note in ABC notation, with sharps alone."""
    if note.pitch is None:
        name = "z"
    else:
        octave, step = divmod(note.pitch - 60, 12)
        name = NAMES[step].lower() + "'" * (octave - 1) if octave > 0 else NAMES[step] + "," * -octave
    times, part = note.length.as_integer_ratio()
    return name + (str(times) if times > 1 else "") + (f"/{part}" if part > 1 else "")


def moved(melody: Melody, by: int) -> Melody:
    """In another key."""
    return [note if note.pitch is None else note._replace(pitch=note.pitch + by) for note in melody]


def look(data: Data) -> None:
    sizes = [len(part) // len(KEYS) for part in data]
    print("{} melodies to train on, {} to validate, {} to test on; each in 12 keys".format(*sizes))


def facts(data: Data) -> dict[str, Any]:
    """The notes of the training part: a pitch and a length are one token."""
    return {"notes": Vocabulary.build([*map(named, melody)] for melody in data.train).tokens[len(SPECIALS) :]}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    embedding = Embedding(len(SPECIALS) + len(facts["notes"]), VECTOR)
    return LanguageModel(Embedded(embedding, network(settings, VECTOR)), dropout=0.5)


def encoded(melodies: Sequence[Melody], facts: dict[str, Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What is read, from BOS on, and what follows each note, the last one EOS."""
    ids = [Vocabulary(facts["notes"]).encode(map(named, melody)) for melody in melodies]
    return [np.insert(row, 0, BOS) for row in ids], [np.append(row, EOS) for row in ids]


def loss_of(model: Any, melodies: Sequence[Melody], known: dict[str, Any]) -> float:
    """Mean cross entropy of a note, in nats."""
    return mean_loss(loss_with(model), bucketed_batches(*encoded(melodies, known), batch_size=100, shuffle=False))


def loss_with(model: Any) -> Callable[..., mg.Tensor]:
    """Of what was read, and what followed."""

    def loss(read: tuple[np.ndarray, np.ndarray], following: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        return model.loss(read[0], following[0], lengths=read[1])[0]

    return loss


def training(model: Any, data: Data, settings: Settings) -> Training:
    known = facts(data)
    batches = bucketed_batches(*encoded(data.train, known), batch_size=16)
    return Training(batches, lambda: loss_of(model, data.validation, known), loss_with(model))


def measure(model: Any, data: Data) -> dict[str, float]:
    return {"perplexity": perplexity(loss_of(model, data.test, facts(data)))}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """Counting notes, alone and after each other."""
    known = facts(data)
    train, test = (Pairs(*map(np.concatenate, encoded(part, known))) for part in (data.train, data.test))
    losses = {"unigram": unigram_loss, "bigram, Kneser-Ney": bigram_loss}
    size = len(SPECIALS) + len(known["notes"])
    return {name: {"perplexity": perplexity(loss(train, test, size))} for name, loss in losses.items()}


def composed(model: Any, facts: dict[str, Any], beginning: Melody) -> Melody:
    """The beginning, and up to 60 notes that go on from it, drawn at temperature 0.8."""
    vocabulary = Vocabulary(facts["notes"])
    seed = [BOS, *vocabulary.encode(map(named, beginning))]
    more = vocabulary.decode(model.generate(seed, 60, temperature=0.8, eos=EOS))
    return [*beginning, *notes("".join(name for name in more if name not in SPECIALS) or "z")]


def write_wav(path: Path, melody: Melody) -> None:
    """Sine tones that fade, 16 bits, mono."""
    tones = []
    for pitch, length in melody:
        t = np.arange(int(RATE * QUARTER * length)) / RATE
        frequency = 0 if pitch is None else 440 * 2 ** ((pitch - 69) / 12)
        envelope = np.minimum(1, t / 0.01) * np.exp(-3 * t) * np.minimum(1, (t[::-1]) / 0.02)
        tones.append(0.6 * envelope * np.sin(2 * np.pi * frequency * t))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((32767 * np.concatenate(tones)).astype("<i2").tobytes())


def draw_roll(axes: Any, melody: Melody, title: str) -> None:
    """A piano roll: time to the right, pitch upwards."""
    starts = np.cumsum([0, *(float(note.length) for note in melody)])
    for (pitch, length), start in zip(melody, starts):
        if pitch is not None:
            axes.barh(pitch, float(length) * 0.95, left=start, color="C0")
    axes.set(title=title, ylabel="pitch, half tones (60: middle C)")


def draw(figure: Any, report: Report) -> None:
    """A melody of the test part, and one that the network makes, which runs/music.wav lets hear."""
    best = report.best
    melody = composed(best.model, report.facts, [])
    upper, lower = figure.subplots(2, 1)
    draw_roll(upper, report.data.test[0], "a melody of the test part")
    draw_roll(lower, melody, f"a melody by {best.name}")
    lower.set_xlabel("quarter notes")
    write_wav(SOUND, melody)
    print(f"sound: {SOUND}")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The notes, and those that go on from them; as sound in runs/music.wav."""
    try:
        melody = composed(model, facts, notes(given))
    except ValueError as error:
        raise Refusal(f"--predict: {error}") from None
    SOUND.parent.mkdir(exist_ok=True)
    write_wav(SOUND, melody)
    return f"{' '.join(map(named, melody))}  ({SOUND})"


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's melodies, or some of the test part."""
    melodies = [notes(text) for text in given] or data.test[:: len(KEYS)][:SHOWN]
    vocabulary = Vocabulary(facts(data)["notes"])
    texts = [np.array([BOS, *vocabulary.encode(map(named, melody)), EOS]) for melody in melodies]
    names = list(given) or [f"test part, melody {i + 1}" for i in range(len(melodies))]
    return of_texts(vocabulary, texts, names)


demo = Demo(
    name="music",
    text=__doc__,
    shape="many to many",
    data="28 old melodies, in all keys",
    time="8 s",
    load=load,
    look=look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("perplexity", form=".1f", lower_is_better=True),),
    defaults={"cell": "gru", "hidden": 128, "epochs": 15, "lr": 0.005},
    quick={"epochs": 8},
    file="lines of a name, a colon, and notes in ABC notation (C D2 ^F/ z)",
    refused={"bidirectional": "a language model may not look ahead"},
)
main = demo.main

if __name__ == "__main__":
    main()
