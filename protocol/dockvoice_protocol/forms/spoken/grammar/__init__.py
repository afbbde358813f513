"""The grammar of dictation: every way to explain all words of an utterance, weighed, and what the ways agree on."""
