"""The live view of a running agent, in a process of its own: the agent's JSON lines make a picture on a terminal."""
