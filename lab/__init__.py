"""The laboratory: the agent measured over recordings with truth, noises, a simulated operator, a stand-in."""
