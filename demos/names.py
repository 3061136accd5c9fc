"""New given names, letter by letter, in the manner of a language (one to many)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import SHOWN, START, Sample
from minigrad.data import BOS, EOS, SPECIALS, UNK, Vocabulary, batches, pad_sequences, split_groups
from minigrad.nn import Embedding, Module
from models import Embedded, Generator
from models.language_model import bits_per_character
from models.ngrams import Pairs, bigram_loss, unigram_loss
from models.tokens import framed
from models.training import mean_loss

VECTOR = 32  # size of a letter's vector
LONGEST = 20  # letters of a name that is made up
TEMPERATURE = 0.8
DRAWN = 50  # names of each language whose novelty is measured
LEAST = 50  # names in a file

# Real given names, written down for this demo; those with accents without them
NAMES = {
    "arabic": """Abbas Abdullah Adnan Ahmad Aisha Ali Amal Amina Amir Anwar Asma Ayman Aziz Badr Bilal Bushra Dalia
        Farah Farid Faris Fatima Ghada Habib Hadi Hakim Hala Hamid Hamza Hanan Hasan Huda Husayn Ibrahim Iman Ismail
        Jalal Jamal Jamila Kamal Karim Khadija Khalid Khalil Latifa Layla Lubna Mahmud Malik Mansur Marwan Maryam
        Mustafa Nabil Nadia Nasir Nawal Nizar Nur Omar Qasim Rafiq Rahim Rania Rashid Salim Salma Samir Samira Sharif
        Suhayla Tahir Tariq Umar Wafa Walid Yasin Yasmin Yusuf Zahra Zayd Zaynab""",
    "english": """Abigail Albert Alfred Alice Amber Andrew Arthur Ashley Audrey Barry Beverly Bradley Brandon Brian
        Bruce Carol Charles Chelsea Christopher Craig Daisy Dorothy Douglas Duncan Edith Edward Elizabeth Emily Ernest
        Ethel Florence Frank Gary Geoffrey George Gladys Gordon Graham Harold Harry Hazel Heather Henry Holly Howard
        Hugh Ivy James Jeffrey Jennifer Jessica John Joyce Keith Kimberly Lindsay Lucy Margaret Mary Matthew Melanie
        Nancy Neil Nigel Oliver Pamela Patrick Percy Peter Philip Rachel Ralph Richard Robert Rodney Ronald Rosemary
        Ruby Russell Samuel Scott Shirley Sidney Stanley Stephen Stuart Susan Tiffany Timothy Trevor Violet Walter
        Wayne William""",
    "finnish": """Aarne Aino Aki Anneli Annikki Anssi Antti Arja Armas Arttu Eero Eeva Eila Eino Elina Erkki Esa Esko
        Hannele Hannu Harri Heikki Helmi Hilkka Ilkka Ilmari Ilona Irja Jaakko Jalmari Jari Jarkko Jorma Jouko Jouni
        Juha Juhani Jukka Jussi Kaarina Kaija Kaisa Kalervo Kalevi Kari Katri Kauko Keijo Kerttu Kimmo Kirsi Kyllikki
        Lasse Lauri Leena Liisa Maarit Marjatta Marketta Markku Matti Mika Mikko Minna Niilo Olavi Onni Orvokki Osmo
        Outi Paavo Paivi Pekka Pentti Pertti Petri Pirjo Pirkko Raija Raimo Reijo Riitta Risto Saara Sakari Sami Sanna
        Seija Seppo Sinikka Sirkka Taina Taisto Tapani Tapio Tarja Teemu Teppo Terhi Terttu Timo Toivo Tuomas Tuula
        Urho Vaino Veikko Vesa Vieno Ville Vuokko""",
    "french": """Adele Adrien Aimee Alain Alphonse Antoine Arnaud Auguste Aurelie Baptiste Bastien Benoit Bernadette
        Bertrand Blaise Brigitte Camille Celeste Chantal Christophe Claude Clemence Colette Damien Delphine Denis
        Didier Edith Edouard Eloise Emile Emmanuelle Etienne Fabien Fabrice Fernand Florent Francois Gaston Genevieve
        Georges Gerard Ghislaine Gilles Guillaume Gustave Henri Hortense Hubert Jacques Jean Jerome Josephine Julien
        Juliette Laurent Leon Lucien Madeleine Marcel Margaux Marguerite Marion Mathieu Maurice Michel Mireille
        Monique Nathalie Nicolas Noel Odette Olivier Pascal Paulette Philippe Pierre Raoul Remy Rene Roland Romain
        Sandrine Sebastien Simone Solange Suzanne Sylvain Sylvie Theodore Thierry Valentin Veronique Vincent Virginie
        Xavier Yves Yvette Yvonne""",
    "german": """Adelheid Albrecht Annegret Anton Armin Arnulf Astrid Bernd Bernhard Birgit Brunhilde Burkhard
        Christoph Claus Detlef Dieter Dietrich Dorothea Eberhard Eckhard Edeltraud Elfriede Elke Erich Ernst Erwin
        Ewald Franz Friedrich Fritz Gebhard Gerda Gerhard Gerlinde Gertrud Gisela Gottfried Gudrun Gunther Hannelore
        Hans Hartmut Hedwig Heike Heinrich Heinz Helga Helmut Herbert Hermann Hildegard Holger Horst Ilse Ingeborg
        Ingrid Irmgard Jochen Johannes Jurgen Karl Karsten Klaus Konrad Kurt Leopold Lieselotte Ludwig Lutz Manfred
        Markus Mathilde Mechthild Norbert Otto Petra Rainer Reinhard Renate Roswitha Rudiger Rudolf Sabine Siegfried
        Sieglinde Sigrid Stefan Susanne Thorsten Traudel Udo Ulrich Ulrike Ursula Uwe Volker Waltraud Werner Wilfried
        Wilhelm Winfried Wolfgang""",
    "italian": """Adriana Agnese Alberto Alessandra Alessandro Alessia Alfonso Angela Antonella Antonio Arturo
        Battista Beatrice Benedetta Bianca Bruno Calogero Camilla Carlo Carmela Caterina Chiara Claudia Concetta
        Cosimo Daniela Dario Davide Domenico Donatella Edoardo Elena Elisabetta Enrico Ernesto Ettore Fabiola Fabrizio
        Federica Federico Filippo Fiorella Flavio Franca Francesca Gabriele Gaetano Gennaro Giacomo Gianluca Ginevra
        Giorgio Giovanna Giovanni Giulia Giuliano Giuseppe Graziella Guido Ilaria Loredana Lorenzo Luca Lucia Luigi
        Marcello Marco Mario Massimo Matteo Maurizio Michele Mirella Nicola Nicoletta Ornella Ottavio Paola Paolo
        Patrizia Pietro Raffaele Renato Riccardo Roberto Rocco Romeo Rosanna Rossella Salvatore Sergio Silvana Silvio
        Simonetta Stefania Stefano Tommaso Umberto Valentina Vincenzo Vittoria Vittorio""",
    "japanese": """Aiko Akane Akari Akemi Akihiko Akira Asuka Ayaka Ayame Ayumi Chieko Chihiro Chiyo Daichi Daisuke
        Eiji Emiko Fumiko Fumio Goro Hajime Hana Haruka Haruki Haruto Hayato Hideaki Hideki Hideo Hikaru Hinata Hiroki
        Hiroko Hiromi Hiroshi Hisako Hisao Hitomi Honoka Ichiro Isamu Izumi Jiro Junichi Junko Kaito Kaori Kasumi
        Katsumi Katsuo Kazuhiro Kazuko Kazuo Keiko Kenichi Kenji Kenta Kiyoshi Kohei Koichi Kotaro Kumiko Kyoko Makoto
        Mamoru Manami Masaki Masako Masao Masaru Mayumi Megumi Michiko Midori Minako Minoru Misaki Mitsuko Mitsuo
        Miyuki Momoko Nanami Naoki Naoko Naomi Natsuki Noboru Nobuo Noriko Osamu Reiko Rikuto Ryoichi Ryota Sachiko
        Sakura Satoshi Satsuki Sayuri Shigeru Shinichi Shizuka Shoji Sumiko Susumu Tadashi Takako Takashi Takeshi
        Takumi Tamotsu Taro Tatsuya Tetsuo Tomoko Tomomi Toshiko Tsubasa Tsutomu Yasuko Yoichi Yoshiko Yoshio Yuichi
        Yukari Yukiko Yukio Yumiko Yusuke""",
    "russian": """Aleksandr Aleksei Alyona Anatoly Andrei Anfisa Arkady Artyom Bogdan Boris Bronislav Darya Denis
        Dmitry Ekaterina Evgeny Fyodor Galina Gennady Georgy Gleb Grigory Igor Ilya Innokenty Irina Ivan Kirill
        Klavdiya Konstantin Kseniya Larisa Leonid Lev Lidiya Lyubov Lyudmila Makar Maksim Marfa Margarita Matvei
        Mikhail Mitrofan Nadezhda Natalya Nikita Nikolai Oksana Oleg Olga Pavel Pelageya Polina Pyotr Rodion Roman
        Rostislav Ruslan Savely Semyon Sergei Sofya Stanislav Stepan Svetlana Svyatoslav Taisiya Tamara Tatyana
        Timofei Timur Ulyana Vadim Valentina Valery Varvara Vasilisa Vasily Vera Veronika Viktor Vitaly Vlad Vladimir
        Vladislav Vsevolod Vyacheslav Yakov Yaroslav Yegor Yekaterina Yelena Yelizaveta Yuliya Yury Zakhar Zinaida
        Zoya""",
}


class Part(NamedTuple):
    """Names: the language of each as a number [n], and their letters' ids [time] each."""

    languages: np.ndarray
    ids: list[np.ndarray]


class Data(NamedTuple):
    """Three parts that have no name in common; the letters of the first, and the languages."""

    train: Part
    validation: Part
    test: Part
    vocabulary: Vocabulary
    languages: list[str]


def load(settings: Settings) -> Data:
    """Seven tenths of the names to train on, a tenth to validate; in lower case, each once in a language."""
    pairs = read(str(settings.file)) if settings.file else [(k, name) for k in NAMES for name in NAMES[k].split()]
    unique = list(dict.fromkeys((language, name.lower()) for language, name in pairs))
    languages = sorted({language for language, _ in unique})
    rows = split_groups([name for _, name in unique], (0.7, 0.1, 0.2), settings.seed)
    vocabulary = Vocabulary.build(unique[i][1] for i in rows[0])

    def part(rows: np.ndarray) -> Part:
        chosen = [unique[i] for i in rows]
        numbers = np.array([languages.index(language) for language, _ in chosen])
        return Part(numbers, [vocabulary.encode(name) for _, name in chosen])

    train, validation, test = map(part, rows)
    return Data(train, validation, test, vocabulary, languages)


def read(path: str) -> list[tuple[str, str]]:
    """Languages and names of the user's file."""
    pairs = []
    for number, line in numbered_lines(path):
        language, _, name = (text.strip() for text in line.partition("\t"))
        if not name or not language or " " in language:
            raise bad_line(path, number, line, "a language (or another kind, one word), a tab, and a name")
        pairs.append((language, name))
    if len({name.lower() for _, name in pairs}) < LEAST:
        raise Refusal(f"{path}: expected at least {LEAST} different names, got {len(pairs)} lines")
    return pairs


def look(data: Data) -> None:
    sizes = [len(part.ids) for part in data[:3]]
    print("{} names to train on, {} to validate, {} to test on; no name is in two of them".format(*sizes))
    for number, language in enumerate(data.languages):
        some = [ids for k, ids in zip(data.train.languages, data.train.ids) if k == number][:6]
        print(f"  {language:9}", ", ".join(spelled(data.vocabulary, ids) for ids in some), "...")


def spelled(vocabulary: Vocabulary, ids: np.ndarray) -> str:
    return "".join(vocabulary.decode(ids)).title()


def facts(data: Data) -> dict[str, Any]:
    return {"letters": data.vocabulary.tokens[len(SPECIALS) :], "languages": data.languages}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A language, as the initial state -> letters, to the end of the name."""
    embedding = Embedding(len(SPECIALS) + len(facts["letters"]), VECTOR)
    return Generator(len(facts["languages"]), Embedded(embedding, network(settings, VECTOR)), BOS, EOS)


def training(model: Any, data: Data, settings: Settings) -> Training:
    train = batches(data.train.languages, data.train.ids, batch_size=32)
    return Training(train, lambda: loss_of(model, data.validation), loss(model), weight_decay=0.3)


def loss(model: Any) -> Callable[..., Any]:
    """Mean cross entropy of a name's letters and its end."""
    return lambda languages, names: model.loss(languages, *names)


def loss_of(model: Any, part: Part) -> float:
    """The same for all letters of a part: in one batch, so that each counts as much."""
    return mean_loss(loss(model), batches(part.languages, part.ids, batch_size=len(part.ids), shuffle=False))


def measure(model: Any, data: Data) -> dict[str, float]:
    """Bits of held-out names, and how many made-up ones are not in the training part."""
    mg.manual_seed(0)  # a saved network makes up the same names
    known = {spelled(data.vocabulary, ids) for ids in data.train.ids}
    made = [name for k in range(len(data.languages)) for name in made_up(model, data.vocabulary, k, DRAWN)]
    return {
        "bits per character": bits_per_character(loss_of(model, data.test)),
        "new names": float(np.mean([name not in known for name in made])),
    }


def made_up(model: Any, vocabulary: Vocabulary, language: int, count: int, start: str = "") -> list[str]:
    """Names of a language (its number) that begin with `start`."""
    begun = vocabulary.encode(start)
    drawn = model.generate(np.full(count, language), LONGEST, temperature=TEMPERATURE, start=begun)
    return [spelled(vocabulary, np.append(begun, ids)) for ids in drawn]


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """Counting letters: alone, after each other, and after each other in the names of the same language."""
    size = len(data.vocabulary)
    train, test = letters(data.train), letters(data.test)
    spoken_train, spoken_test = (Pairs(p.contexts + size * languages, p.tokens) for p, languages in (train, test))
    nats = {
        "unigram": unigram_loss(train[0], test[0], size),
        "bigram": bigram_loss(train[0], test[0], size),
        "bigram by language": bigram_loss(spoken_train, spoken_test, size),
    }
    return {name: {"bits per character": bits_per_character(x)} for name, x in nats.items()}


def letters(part: Part) -> tuple[Pairs, np.ndarray]:
    """Every letter and end of a name with what it follows, and the language of each."""
    before, after = framed("names", *pad_sequences(part.ids), BOS, EOS)
    real = after >= 0
    return Pairs(before[real], after[real]), np.repeat(part.languages, real.sum(axis=1))


def show(report: Report) -> None:
    print(f"{report.best.name} makes up (in brackets: a name of the training part):")
    for language, made in examples(report, 8).items():
        print(f"  {language:9}", ", ".join(made))


def examples(report: Report, count: int) -> dict[str, list[str]]:
    """Made-up names of each language, those in brackets that the network was trained on."""
    data = report.data
    known = {spelled(data.vocabulary, ids) for ids in data.train.ids}
    return {
        language: [f"({x})" if x in known else x for x in made_up(report.best.model, data.vocabulary, k, count)]
        for k, language in enumerate(data.languages)
    }


def draw(figure: Any, report: Report) -> None:
    """Bits per character of each language's held-out names, and names that are made up."""
    model, test, languages = report.best.model, report.data.test, report.data.languages
    left, right = figure.subplots(1, 2)
    for style, (name, row) in zip((":", "-.", "--"), report.baselines.items()):
        left.axvline(row["bits per character"], color="grey", linestyle=style, label=f"{name} (all names)")
    for k, (language, made) in enumerate(examples(report, 12).items()):
        rows = np.flatnonzero(test.languages == k)
        if len(rows):
            bits = bits_per_character(loss_of(model, Part(test.languages[rows], [test.ids[i] for i in rows])))
            left.barh(k, bits, color="C0")
        lines = "\n".join(", ".join(made[i : i + 4]) for i in (0, 4, 8))
        right.text(0, k, f"{language}\n{lines}", va="center", fontsize=9)
    left.set_yticks(range(len(languages)), languages)
    left.set(title=f"{report.best.name}: bits per character of held-out names", ylim=(-0.6, len(languages) + 0.6))
    left.legend(loc="upper left", fontsize=8)
    right.set(title="made up (in brackets: known)", ylim=left.get_ylim())
    right.axis("off")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """Five names of a language, or of each, that begin with some letters, or any: "italian M", "italian", "M"."""
    languages, vocabulary = facts["languages"], Vocabulary(facts["letters"])
    numbers = {language.lower(): k for k, language in enumerate(languages)}
    first, *rest = given.lower().split() or [""]
    chosen, starts = ([numbers[first]], rest) if first in numbers else (range(len(languages)), [first, *rest])
    start = " ".join(starts)
    if len(starts) > 1 or UNK in vocabulary.encode(start) or not given.strip():
        raise Refusal(f"--predict: expected one of {', '.join(languages)}, first letters, or both, got {given!r}")
    made = {k: ", ".join(made_up(model, vocabulary, k, 5, start)) for k in chosen}
    return "\n".join(f"{languages[k]}: {names}" for k, names in made.items())


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """A name of the test part from each of some languages."""
    test, count = data.test, len(data.languages)
    chosen = np.linspace(0, count - 1, min(count, SHOWN)).astype(int)
    rows = [i for k in chosen for i in np.flatnonzero(test.languages == k)[:1]]
    texts = [test.ids[i] for i in rows]
    names = [f"{spelled(data.vocabulary, text)} ({data.languages[test.languages[i]]})" for i, text in zip(rows, texts)]
    steps = [[START, *data.vocabulary.decode(text)] for text in texts]
    return Sample((test.languages[rows], *pad_sequences(texts)), names, {"": steps}, joined=True)


demo = Demo(
    name="names",
    text=__doc__,
    shape="one to many",
    data="817 given names of 8 languages",
    time="10 s",
    load=load,
    look=look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    show=show,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("bits per character", form=".3f", lower_is_better=True), Figure("new names")),
    defaults={"cell": "gru", "hidden": 64, "epochs": 15, "lr": 0.01},
    quick={"epochs": 5},
    file="lines of a language, a tab, and a name",
    refused={"bidirectional": "a name is written from its beginning"},
)
main = demo.main

if __name__ == "__main__":
    main()
