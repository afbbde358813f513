"""Publishes messages and reads retained ones from commands, on a connection of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from sqlalchemy import Connection

from dockvoice_protocol.errors import Misconfigured, Unavailable
from dockvoice_protocol.mqtt import MessageReceived, PubackReceived, Session, SessionConnected, SessionEvent
from dockvoice_protocol.outbox import FAILURE
from inventory.settings import InventorySettings
from inventory.store import outbox

_KEPT_S = 1.0  # Retained messages arrive right after the SUBACK.
PUBLISH_TIMEOUT_S = 20.0  # Timeout for the broker's acknowledgement.


def publish_messages(
    settings: InventorySettings, name: str, messages: Mapping[str, bytes], *, retain: bool = False
) -> None:
    """Publish messages by topic, as an MQTT client `name` beside the inventory's own.

    The broker keeps them for an offline device; with `retain`, for later subscribers. Raises Unavailable,
    Misconfigured.
    """
    news: SimpleQueue[SessionEvent] = SimpleQueue()
    session = Session(settings.mqtt, client_id=f"{settings.client_id}-{name}", receive=news.put)
    session.start()
    waiting = dict(messages)
    until = time.monotonic() + PUBLISH_TIMEOUT_S
    try:
        while waiting:
            match news.get(timeout=max(0.0, until - time.monotonic())):
                case SessionConnected() | PubackReceived() as said:
                    if isinstance(said, PubackReceived):
                        if said.reason_code >= FAILURE:
                            denied = f"{said.tag}: denied by the broker ({said.reason_code})"
                            raise Misconfigured(f"{denied}; allow this user to publish it")
                        waiting.pop(said.tag, None)
                        until = time.monotonic() + PUBLISH_TIMEOUT_S
                    # One at a time: a broker may accept no more.
                    for topic, payload in list(waiting.items())[:1]:
                        session.publish(topic, payload, tag=topic, retain=retain)
                case _:
                    pass
    except Empty:
        why = session.trouble or "it took no message"
        raise Unavailable(f"{settings.mqtt.host}:{settings.mqtt.port}: {why}") from None
    finally:
        session.stop()


def publish_rows(
    settings: InventorySettings,
    name: str,
    transaction: Callable[[], AbstractContextManager[Connection]],
    ids: Sequence[int],
    *,
    retain: bool = False,
) -> None:
    """Publish rows of the outbox now, which were inserted with `held`, on one connection.

    Raises Unavailable, Misconfigured: then the service publishes them.
    """
    if not ids:
        return
    with transaction() as reads:
        messages = outbox.load_messages(reads, ids)
    try:
        publish_messages(settings, name, messages, retain=retain)
    except (Unavailable, Misconfigured) as fault:
        with transaction() as writes:
            outbox.record_failure(writes, ids, str(fault), datetime.now(UTC))
        raise type(fault)(f"{fault}; it is kept, and `dockvoice inventory` publishes it by itself") from None
    with transaction() as writes:
        outbox.delete_or_await_confirmation(writes, ids, datetime.now(UTC))


def read_retained(settings: InventorySettings, name: str, topic: str) -> bytes | None:
    """The retained message of a topic; None if there is none. Raises Unavailable."""
    return next(iter(read_all_retained(settings, name, topic, most=1).values()), None)


def read_all_retained(settings: InventorySettings, name: str, topics: str, most: int | None = None) -> dict[str, bytes]:
    """At most `most` retained messages of the topics that match the filter. Raises Unavailable."""
    news: SimpleQueue[SessionEvent] = SimpleQueue()
    session = Session(settings.mqtt, client_id=f"{settings.client_id}-{name}", receive=news.put, subscriptions=[topics])
    session.start()
    until, connected, found = time.monotonic() + PUBLISH_TIMEOUT_S, False, dict[str, bytes]()
    try:
        while most is None or len(found) < most:
            match news.get(timeout=max(0.0, until - time.monotonic())):
                case SessionConnected():
                    until, connected = time.monotonic() + _KEPT_S, True
                case MessageReceived(topic, payload):
                    found[topic] = payload
                    until = time.monotonic() + _KEPT_S
                case _:
                    pass
    except Empty:
        if not connected:
            why = session.trouble or f"broker {settings.mqtt.host}:{settings.mqtt.port}: it answered nothing"
            raise Unavailable(f"{why}; try again") from None
    finally:
        session.stop()
    return found
