"""What needs a person is told once, after a little patience, and again only when it was well in between."""

from __future__ import annotations

from edge.deliver.relay import DeliveryAlerts

SILENCE = "no receipts come"
LONG = 1000.0


def test_a_trouble_is_told_once_and_another_one_at_once() -> None:
    obstacles = DeliveryAlerts(SILENCE)
    obstacles.new_alerts("refused", 0.0)
    told = [obstacles.new_alerts(trouble, LONG) for trouble in ("refused", "refused", "wrong password", "refused")]
    assert told == [["refused"], [], ["wrong password"], []]


def test_what_comes_back_after_a_connection_is_told_again() -> None:
    obstacles = DeliveryAlerts(SILENCE)
    for began in (0.0, LONG):
        assert obstacles.new_alerts("refused", began) == []
        assert obstacles.new_alerts("refused", began + 3.0) == ["refused"]
        assert obstacles.new_alerts(None, began + 4.0) == []


def test_an_event_taken_again_and_again_without_an_answer_is_told_once_until_one_comes() -> None:
    obstacles = DeliveryAlerts(SILENCE)
    for _ in range(3):
        assert obstacles.new_alerts(None, 0.0) == []
        obstacles.note_puback("one")
    assert [obstacles.new_alerts(None, 0.0), obstacles.new_alerts(None, 0.0)] == [[SILENCE], []]
    obstacles.note_answer()
    for _ in range(3):
        obstacles.note_puback("one")
    assert obstacles.new_alerts(None, 0.0) == [SILENCE]


def test_many_events_taken_once_are_no_silence() -> None:
    obstacles = DeliveryAlerts(SILENCE)
    for number in range(100):
        obstacles.note_puback(str(number))
    assert obstacles.new_alerts(None, LONG) == []
