"""The audit of the reviews: does the chain of what was told of them hold, and are their rows what the events say?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edge import hash_chain
from edge.hash_chain import Broken, Chain, Chained, PublicKey, Wrong
from edge.keep.database import JournalDatabase, Row
from edge.keep.removals import review_removal

_TOLD = """
    SELECT s.sequence, r.event_id, r.utterance_id, r.state, r.fields, r.latest, r.link, r.body, u.audio_sha256,
        r.sequence = (SELECT max(sequence) FROM reviews m WHERE m.utterance_id = r.utterance_id) AS is_last,
        g.link AS gone, g.keyid, g.signature
    FROM (SELECT sequence FROM reviews UNION SELECT sequence FROM reviews_removed) s
    LEFT JOIN reviews r USING (sequence) LEFT JOIN utterances u USING (utterance_id)
    LEFT JOIN reviews_removed g USING (sequence) ORDER BY s.sequence
"""


def verify_reviews(db: JournalDatabase, keys: Mapping[str, PublicKey]) -> tuple[int, Broken | None]:
    """How many hold, and the first with which something is wrong. What was removed, the device has signed for."""
    chain = Chain(keys)
    for row in db.rows(_TOLD):
        if wrong := _gone(row, chain, keys) if row["gone"] is not None else _told(row, chain):
            return chain.held, Broken(chain.last + 1, wrong)
    return chain.held, None


def _gone(row: Row, chain: Chain, keys: Mapping[str, PublicKey]) -> Wrong | None:
    key, sequence = keys.get(str(row["keyid"])), row["sequence"]
    if key is None or not key.signed(review_removal(sequence, row["gone"]), str(row["signature"])):
        return Wrong.ERASURE_FORGED
    if sequence != chain.last + 1:
        return Wrong.MISSING
    if (row["body"], row["fields"]) not in {(None, None), ("{}", None)} or row["link"] not in {None, row["gone"]}:
        return Wrong.ALTERED
    chain.last, chain.link = sequence, row["gone"]
    return None


def _told(row: Row, chain: Chain) -> Wrong | None:
    event = hash_chain.parsed(row["body"])
    chained = Chained(
        sequence=row["sequence"],
        previous=str(event.get(hash_chain.PREVIOUS)),
        link=row["link"],
        event=event,
        audio_sha256=str(row["audio_sha256"]),
        withheld=False,
    )
    wrong = chain.wrong_with(chained) or (None if _same(row, event) else Wrong.ROW_ALTERED)
    if wrong is None:
        chain.grow(chained)
    return wrong


def _same(row: Row, event: Mapping[str, Any]) -> bool:
    data = event["data"]
    said = (event["id"], event["sequence"], data["utterance"]["id"], data["state"])
    kept = (row["event_id"], str(row["sequence"]), row["utterance_id"], row["state"])
    # Those of what is decided are those of its entry, which the audit of the entries looks at.
    known = data["fields"] if data["state"] == "open" else json.loads(row["fields"] or "{}")
    return said == kept and row["latest"] == row["is_last"] and known == json.loads(row["fields"] or "{}")
