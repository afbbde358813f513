from __future__ import annotations

from dockvoice_protocol.records import Act, Command
from edge.cli.watch.state import KeyAction, Keyboard, ToggleKey, TypedSentence
from tests.rows import each_of


def pressed(keyboard: Keyboard, keys: str) -> list[KeyAction]:
    return [what for key in keys if (what := keyboard.feed(key)) is not None]


@each_of("keys", ["\x1b[A", "\x1b[1;5C", "\x1b[3~", "\x1bOP", "\x1by", "\x00", "\t", "z", "\x7f"])
def test_arrows_function_keys_and_letters_without_a_meaning_ask_nothing(keys: str) -> None:
    keyboard = Keyboard()
    assert pressed(keyboard, keys) == []
    assert keyboard.line is None
    assert pressed(keyboard, "y") == [Act.YES]  # and what follows is heard again


def test_what_is_pasted_is_a_text_and_none_of_its_letters_a_key() -> None:
    keyboard = Keyboard()
    assert pressed(keyboard, "\x1b[200~yes\ncancel\x1b[201~") == []
    assert keyboard.line == "yes cancel"
    assert pressed(keyboard, "\r") == [TypedSentence("yes cancel")]


def test_a_line_is_as_long_as_a_sentence_can_be_and_holds_no_control_character() -> None:
    keyboard = Keyboard()
    pressed(keyboard, "/" + "a\tb\x01" + "x" * 1000)
    assert keyboard.line is not None
    assert len(keyboard.line) == 200
    assert keyboard.line.startswith("a b x")


def test_an_escape_that_goes_on_is_no_escape() -> None:
    keyboard = Keyboard()
    pressed(keyboard, "/pallet\x1b[D")
    keyboard.resolve_escape()
    assert keyboard.line == "pallet"


def test_a_line_can_be_mended() -> None:
    keyboard = Keyboard()
    pressed(keyboard, "/pallet 743\x7f2 twelve\x17ten units")
    assert keyboard.line == "pallet 742 ten units"
    pressed(keyboard, "\x15no")
    assert pressed(keyboard, "\r") == [TypedSentence("no")]


def test_a_key_asks_what_the_voice_can_ask() -> None:
    assert pressed(Keyboard(), "ynC?") == [Act.YES, Act.NO, Act.CANCEL, Command.HELP]
    keyed = [command for command in Command if command.key]
    assert pressed(Keyboard(), "".join(command.key for command in keyed)) == keyed
    assert set(Command) - set(keyed) == {Command.PAUSE, Command.RESUME, Command.SIGN_ON, Command.SIGN_OFF}
    assert pressed(Keyboard(), "mp ") == [ToggleKey.MUTE, ToggleKey.PAUSE, ToggleKey.TALK]
