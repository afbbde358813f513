"""The composition root of the receiving side: broker, forms, database and consumer."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from dockvoice_protocol.config import Mqtt, MqttVersion
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.events import Topics, make_presence, to_json_bytes
from dockvoice_protocol.mqtt import Session
from dockvoice_protocol.mqtt_client import Will
from inventory.audit.audit import load_signer
from inventory.clips.clip_receiver import ClipReceiver
from inventory.clips.clips import ClipFolder
from inventory.dossier.dossier_writer import DossierStore, DossierWriter
from inventory.forms import Forms, load_forms, load_roles
from inventory.ingest.consumer import Consumer, Inbox
from inventory.ingest.reorder_buffer import BatchSettings
from inventory.repository import RejectedLimits, Store
from inventory.settings import InventorySettings
from inventory.site.republishing import RepublishingStatuses
from inventory.store.keys import KeyDirectory

if TYPE_CHECKING:
    from inventory.ingest.kafka import KafkaBroker

log = logging.getLogger("inventory")

_AT_ONCE = 2  # Batches of messages on the way to the consumer: one is validated while the database applies another.


def serve(settings: InventorySettings) -> None:
    """Apply events until SIGTERM or SIGINT. Must run in the main thread, which receives signals.

    Raises Misconfigured, Unavailable or StorageFailed if it cannot start or continue.
    """
    settings.demand_owner()
    forms = load_forms(settings.forms)
    for name, link in (("mqtt", settings.mqtt), ("kafka", settings.kafka)):
        if link.exposure:
            log.warning("%s.insecure: %s; set tls = true, with a broker that has a certificate", name, link.exposure)
    largest = int(settings.message_kb * 1000)
    aside = RejectedLimits(largest, int(settings.rejected_mb * 1_000_000), timedelta(days=settings.rejected_days))
    keys, every = KeyDirectory(settings.keys), Topics.all_devices_filters(settings.prefix)
    # Retained messages, and recordings in several messages, go to every consumer: not shared.
    group = "" if settings.consumer.share is None else f"$share/{settings.consumer.share}/"
    entries, reviews = f"{group}{every.entries}", f"{group}{every.reviews}"
    feeds_kafka = settings.kafka.servers is not None and settings.kafka.applied is not None
    with closing(Store.open(settings.database_url, aside=aside, feeds_kafka=feeds_kafka)) as store:
        inbox: Inbox = Inbox()
        here = Topics.consumer(settings.prefix, settings.client_id)
        listened = () if settings.kafka.servers else (entries,)

        make_session = partial(
            Session,
            _broker_settings(settings),
            client_id=settings.client_id,
            subscriptions=(every.status, *listened) if settings.trust_first_use else listened,
            wishes=(reviews, every.clips, *(() if settings.trust_first_use else (every.status,))),
            will=Will(here, to_json_bytes(make_presence("offline", settings.client_id))),
            manual_ack=True,
            at_once=_AT_ONCE * settings.consumer.batch,
        )
        kafka = _connect_to_kafka(settings, store, inbox, make_session)
        dossiers = _create_dossier_writer(settings, store, forms, keys)
        consumer = Consumer(
            kafka or make_session(receive=inbox.put),
            store,
            forms,
            inbox,
            prefix=settings.prefix,
            client_id=settings.client_id,
            keys=keys,
            trust_first_use=settings.trust_first_use,
            largest=largest,
            reviews=store,
            statuses=RepublishingStatuses(store.statuses, store.engine, settings.prefix, lambda: datetime.now(UTC)),
            dossiers=dossiers,
            batching=_batch_settings(settings, store),
            clips=ClipReceiver(store.clips, ClipFolder(settings.clips_folder, settings.clips.free_mb), settings.clips),
            outbox=store.outbox,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: consumer.stop())
        log.info("entries of %s go to %s", ", ".join(forms), store.where)
        try:
            consumer.run()
        finally:
            if dossiers is not None:
                dossiers.stop()
        log.info("stopped")


def _connect_to_kafka(
    settings: InventorySettings, store: Store, inbox: Inbox, make_session: Callable[..., Session]
) -> KafkaBroker | None:
    """The broker whose events come from Kafka, if one is set. Raises Misconfigured without its client."""
    if settings.kafka.servers is None:
        return None
    try:
        from inventory.ingest.kafka import KafkaBroker  # noqa: PLC0415 - only who sets it installs librdkafka
    except ImportError as missing:
        raise Misconfigured(
            "kafka.servers is set, and Kafka's client is not installed: pip install 'dockvoice-inventory[kafka]'"
        ) from missing
    at_once = _AT_ONCE * settings.consumer.batch
    return KafkaBroker(
        settings.kafka, at_once, inbox.put, lambda receive: make_session(receive=receive), store.kafka_outbox
    )


def _broker_settings(settings: InventorySettings) -> Mqtt:
    """The broker's settings, with MQTT 5 where consumers share: one of 3.1.1 may take `$share` for any other topic."""
    mqtt = settings.mqtt
    return mqtt if settings.consumer.share is None else mqtt.model_copy(update={"version": MqttVersion.V5})


def _batch_settings(settings: InventorySettings, store: Store) -> BatchSettings:
    ours = settings.consumer
    shared = ours.share is not None or settings.kafka.servers is not None
    return BatchSettings(store.batches, ours.batch, timedelta(seconds=ours.hold_s) if shared else None)


def _create_dossier_writer(
    settings: InventorySettings, store: Store, forms: Forms, keys: KeyDirectory
) -> DossierWriter | None:
    """Create the writer of dossiers; None without a folder. Raises UnreadableInput for an invalid key."""
    ours = settings.dossier
    if ours.folder is None or ours.key is None:
        return None
    of = load_roles(forms, ours.receipts, ours.damages)
    return DossierWriter(
        DossierStore(store.issues, store.outbox, of, keys, load_signer(ours.key), ours.folder, ours.language)
    )
