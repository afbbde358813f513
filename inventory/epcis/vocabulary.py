"""The words of EPCIS events: GS1's Core Business Vocabulary 2.0, and units that measure.

CBV 2.0 (GS1, June 2022; ISO/IEC 19988:2024): section 7.1 business steps, 7.2 dispositions, 7.3 types of business
transactions, 7.4 of sources and destinations, 7.5 reasons of error declarations. JSON has their bare names, which the
standard's JSON-LD context expands to addresses below https://ref.gs1.org/cbv/.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BIZ_STEPS = _words(
    """accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting
    decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting
    installing killing loading other packing picking receiving removing repackaging repairing replacing reserving
    retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting
    unloading unpacking void_shipping"""
)

DISPOSITIONS = _words(
    """active available completeness_inferred completeness_verified conformant container_closed container_open damaged
    destroyed dispensed disposed encoded expired in_progress in_transit inactive mismatch_class mismatch_instance
    mismatch_quantity needs_replacement no_pedigree_match non_conformant non_sellable_other partially_dispensed
    recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable
    unknown"""
)

TRANSACTION_TYPES = _words("bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt")

PARTY_TYPES = frozenset({"location", "owning_party", "possessing_party"})  # Types of sources and destinations.

NEVER_HAPPENED, WRONG_DATA = "did_not_occur", "incorrect_data"
ERROR_REASONS = frozenset({NEVER_HAPPENED, WRONG_DATA})

ACTIONS = frozenset({"ADD", "DELETE", "OBSERVE"})

MEASURE_UNITS = _words(
    """MC MGM GRM HGM KGM TNE DTN LBR ONZ STN LTN STI CWI CWA APZ
    4G MLT CLT DLT LTR HLT CMQ DMQ MTQ GLL GLI PTL PTI QTL QTI PTD QTD GLD OZA OZI INQ FTQ YDQ BLL BLD
    MMQ K6 A44 PT QT BUA BUI
    MMT CMT DMT MTR KMT INH FOT YRD
    MMK CMK DMK MTK INK FTK YDK"""
)
"""Common codes of UN/ECE Recommendation 20 for mass, volume, length and area: units of trade items that are not
counted. EA, CS and the like are no measures: they name what is counted, which in EPCIS the GTIN does."""

DISPOSITION_OF_DAMAGED = "damaged"  # The disposition of an entry's damaged goods.

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
"""GS1's JSON-LD context of EPCIS 2.0, as in the standard's own examples."""

CBV_PREFIXES = ("urn:epcglobal:cbv:", "https://ns.gs1.org/cbv/", "https://ref.gs1.org/cbv/", "http://ns.gs1.org/cbv/")
"""Prefixes of URIs of CBV words. The JSON of EPCIS 2.0 must have the bare name instead, as the pattern of
`vocab-other-uri` in GS1's schema requires."""
