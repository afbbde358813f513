"""Failures of services, typed by what to do next.

All are `Unavailable`: whatever happens, there is no reading now, and the utterance is kept. No message carries a
key, or anything that was said.
"""

from __future__ import annotations

from enum import StrEnum

from edge.errors import Unavailable
from edge.records import Usage
from edge.records.strict_json import DuplicateKey, NotStrict, TooLarge


class Failure(Unavailable):
    """A service gave no reading. Never raised itself: one of its children is."""

    def __init__(self, client: str, told: str, request_id: str | None = None) -> None:
        """`told` says what happened and what to do; `request_id` is what the service calls the request."""
        super().__init__(f"client {client!r}: {told}" + (f" (request {request_id})" if request_id else ""))
        self.client = client
        self.request_id = request_id
        self.usage: Usage | None = None
        """What was paid all the same."""


class TryLater(Failure):
    """Busy, broken or out of reach: it will pass by itself."""

    def __init__(
        self, client: str, told: str, request_id: str | None = None, retry_after_s: float | None = None
    ) -> None:
        """`retry_after_s`: how long to stay away, where the service or the breaker says so."""
        super().__init__(client, told, request_id)
        self.retry_after_s = retry_after_s


class OurFault(Failure):
    """The service does not take the request as we make it: a fault of this program or its settings. Never retried."""


class Barred(Failure):
    """The key is refused, or the model is not there (any more): a person must act. Nothing is asked for a while."""

    def __init__(self, client: str, told: str, request_id: str | None = None, *, concerns_key: bool = False) -> None:
        """`concerns_key`: no model of this client can be asked; else one model cannot."""
        super().__init__(client, told, request_id)
        self._told = told
        self.concerns_key = concerns_key

    def again(self) -> Barred:
        """The same once more, for a request that was not sent."""
        return Barred(self.client, f"not asked: {self._told}", concerns_key=self.concerns_key)


class AnswerFault(StrEnum):
    """Why an answer is no reading. Codes, so that they can be counted."""

    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_LARGE = "too_large"  # More than any reading needs, in length, depth or the size of a number.
    WRONG_SHAPE = "wrong_shape"  # JSON, but not what the service documents or the tool asks for.
    EMPTY = "empty"
    HALF_STREAM = "half_stream"  # The stream ended before the answer did.
    TRUNCATED = "truncated"  # The model stopped at the longest answer it may give.
    FILTERED = "filtered"  # The service withheld the answer.
    NO_CALL = "no_call"  # Neither a tool call nor text.
    PROSE = "prose"  # Text in place of a tool call.
    SEVERAL_CALLS = "several_calls"
    UNKNOWN_TOOL = "unknown_tool"
    NOTHING_HEARD = "nothing_heard"  # An act of the operator without the words that he did it with.
    LEAKED_PROMPT = "leaked_prompt"  # What was heard is what the model was told.

    @classmethod
    def of(cls, found: NotStrict) -> AnswerFault:
        """Why text that is not strict JSON is none."""
        match found:
            case DuplicateKey():
                return cls.DUPLICATE_KEY
            case TooLarge():
                return cls.TOO_LARGE
            case _:
                return cls.NOT_JSON


class Garbled(Failure):
    """An answer came, and it is no reading. Another try may give one, at the price of another answer."""

    def __init__(self, client: str, fault: AnswerFault, told: str, request_id: str | None = None) -> None:
        """`told` says what was found, in words of ours: the answer itself may hold speech, or anything."""
        super().__init__(
            client, f"the answer is no reading ({fault}): {told}; the utterance must be read again", request_id
        )
        self.fault = fault
