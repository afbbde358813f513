"""The grammar of dictation: all weighted explanations of an utterance, and the meaning on which they agree."""
