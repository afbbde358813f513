"""Every way in which the oracle tries to lose, double, alter or disorder what was said."""

from __future__ import annotations

from tests.faults.oracle.run import Scenario
from tests.faults.oracle.scenarios import agent, broker, clock, disk, evidence, inventory, link, state, strangers

THEMES = {
    "agent": (
        Scenario("agent-killed", "kills of the agent at random moments", agent.killed_at_random, 15, 500),
        Scenario("agent-killed-at-sync", "kills of the agent at its nth sync", agent.killed_at_syncs, 1, 120),
    ),
    "broker": (
        Scenario("broker-killed", "kills of a broker that saves", broker.killed_with_memory, 3, 60),
        Scenario("broker-killed-forgets", "kills of a broker that forgets", broker.killed_without_memory, 2, 60),
        Scenario("broker-restarted", "restarts without an inventory", broker.restarted_with_memory, 1, 20),
        Scenario("broker-restarted-forgets", "the same, and it forgets", broker.restarted_without_memory, 1, 20),
    ),
    "inventory": (
        Scenario("inventory-killed", "kills of the inventory as it applies", inventory.killed_applying, 3, 200),
        Scenario("inventory-killed-sqlite", "kills within a transaction", inventory.killed_within_sqlite, 3, 200),
        Scenario("inventory-killed-postgres", "kills within a transaction", inventory.killed_within_postgresql, 1, 200),
        Scenario("database-gone", "seconds without PostgreSQL", inventory.database_gone, 5, 60),
        Scenario("two-devices", "kills of one of four processes", inventory.two_devices, 8, 120),
    ),
    "link": (
        Scenario("link-silent", "silences of the link", link.silent, 1, 20),
        Scenario("link-flapping", "seconds of a flapping link", link.flapping, 12, 300),
        Scenario("link-cut", "cuts after K bytes", link.cut_after_bytes, 6, 300),
        Scenario("link-back", "returns of the link without news", link.back_without_news, 1, 10),
    ),
    "disk": (
        Scenario("disk-full", "times a full disk", disk.full, 1, 10),
        Scenario("disk-read-only", "times a read-only disk", disk.read_only, 1, 10),
        Scenario("disk-fails", "calls that fail with EIO", disk.failing_calls, 8, 280),
        Scenario("power-cut", "power cuts that spare what was synced", disk.power_cut, 1, 120),
    ),
    "state": (
        Scenario("state-restored", "older copies of the journal put back", state.restored, 1, 10),
        Scenario("state-cloned", "journals copied, and both at work", state.cloned, 1, 10),
        Scenario("state-removed", "state directories removed under the agent", state.removed, 1, 20),
        Scenario("state-locked", "times a locked journal", state.locked, 1, 20),
        Scenario("site-triggers", "times a faulty trigger of the site's", state.triggers, 1, 20),
    ),
    "strangers": (
        Scenario("events-forged", "events that no device signed", strangers.forged, 25, 2000),
        Scenario("receipts-forged", "receipts that no inventory sent", strangers.forged_receipts, 25, 2000),
        Scenario("orders-retained", "lives under an order that stays", strangers.retained_orders, 1, 20),
    ),
    "clock": (
        Scenario("clock-device", "steps of the device's clock", clock.device_stepped, 1, 40),
        Scenario("clock-inventory", "steps of the inventory's clock", clock.inventory_stepped, 4, 40),
    ),
    "evidence": (
        Scenario("clock-wrong", "lives with a clock ten years off, or right", evidence.clock_wrong, 3, 12),
        Scenario("removal-killed", "kills at the nth unlink of recordings", evidence.killed_removing, 1, 8),
        Scenario("removal-disk-full", "times a full disk while removing", evidence.full_removing, 2, 10),
        Scenario("forged", "forgeries in the inventory's database", evidence.forged, 4, 40),
    ),
}

SCENARIOS = tuple(scenario for theme in THEMES.values() for scenario in theme)

BY_DAY = (
    "agent-killed-at-sync",
    "broker-killed-forgets",
    "inventory-killed-postgres",
    "link-cut",
    "power-cut",
    "events-forged",
    "clock-device",
    "state-restored",
    "removal-killed",
)
"""One of each theme, of which every test run plays the small form: the one that demands most."""
