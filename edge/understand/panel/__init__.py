"""Several interpreters read one utterance: who sits there, how they are weighed, what it costs, what waits."""
