from __future__ import annotations

from dockvoice_protocol.records import HallucinationKind
from edge.understand.stt.hallucinations import detect_hallucination
from tests.rows import every

PROMPT = "pallet, pallet number, quantity, units, unit, cases, case, dock"

MADE_UP = [
    ("Thank you.", HallucinationKind.STOCK_PHRASE),
    (" thank you. Thank you. Thank you.", HallucinationKind.STOCK_PHRASE),
    ("Thanks for watching!", HallucinationKind.STOCK_PHRASE),
    ("you", HallucinationKind.STOCK_PHRASE),
    ("Bye-bye!", HallucinationKind.STOCK_PHRASE),
    ("Don't forget to like and subscribe!", HallucinationKind.STOCK_PHRASE),
    ("[BLANK_AUDIO]", HallucinationKind.STOCK_PHRASE),
    ("♪ Music ♪", HallucinationKind.STOCK_PHRASE),
    ("Subtitles by the Amara.org community", HallucinationKind.STOCK_PHRASE),
    ("© 2019", None),
    ("Untertitel im Auftrag des ZDF für funk, 2017", HallucinationKind.STOCK_PHRASE),
    ("Vielen Dank fürs Zuschauen!", HallucinationKind.STOCK_PHRASE),
    ("Tschüss!", HallucinationKind.STOCK_PHRASE),
    ("Sous-titrage ST' 501", HallucinationKind.STOCK_PHRASE),
    ("Merci d'avoir regardé cette vidéo !", HallucinationKind.STOCK_PHRASE),
    ("Abonnez-vous !", HallucinationKind.STOCK_PHRASE),
    ("Subtítulos realizados por la comunidad de Amara.org", HallucinationKind.STOCK_PHRASE),
    ("Gracias por ver el video.", HallucinationKind.STOCK_PHRASE),
    ("Sottotitoli creati dalla comunità Amara.org", HallucinationKind.STOCK_PHRASE),
    ("the pallet is on the " * 4, HallucinationKind.LOOP),
    ("and then " + "we go to the dock " * 8 + "we go", HallucinationKind.LOOP),
    ("0 " * 40, HallucinationKind.LOOP),
    ("Pallet, pallet number, quantity, units, unit, cases, case, dock", HallucinationKind.PROMPT_RETURNED),
    ("quantity, units, unit, cases", HallucinationKind.PROMPT_RETURNED),
    ("Okay. Pallet, pallet number, quantity.", HallucinationKind.PROMPT_RETURNED),
]

SAID = [
    "",
    "pallet seven four two twelve units dock bravo",
    "Thank you, pallet seven four two.",
    "you have pallet 742",
    "no, fifteen units",
    "no no no, twelve units",
    "yes",
    "pallet five five five five five, five units, dock E",
    "pallet 000000, 12 units",
    "pallet zero zero zero zero zero zero zero zero zero zero, nine units, dock A",
    "pallet zero one zero one zero one zero one zero one zero one zero one zero one zero one, nine units, dock A",
    "pallet number 742, quantity 12, dock B",
    "Gracias, palé 742",
    "Palette 742, zwölf Stück, Tor B",
]


def test_what_is_made_up_is_known_for_what_it_is() -> None:
    def is_known(row: tuple[str, HallucinationKind | None]) -> None:
        text, why = row
        assert detect_hallucination(text, PROMPT) is why

    every(MADE_UP, is_known)


def test_what_operators_say_is_believed() -> None:
    def is_believed(text: str) -> None:
        assert detect_hallucination(text, PROMPT) is None

    every(SAID, is_believed)


def test_the_same_words_are_no_echo_where_no_prompt_was_given() -> None:
    assert detect_hallucination("quantity, units, unit, cases") is None


def test_spelling_as_a_model_chooses_makes_no_difference() -> None:
    assert detect_hallucination("Vielen Dank fu\N{COMBINING DIAERESIS}rs Zuschauen") is HallucinationKind.STOCK_PHRASE
