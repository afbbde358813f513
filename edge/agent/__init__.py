"""The agent: connects hear, understand, agree, keep and deliver in one long-running process."""
