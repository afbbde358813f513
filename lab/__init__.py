"""The laboratory: measures the agent over recordings with known truth, noises, a simulated operator and a stand-in."""
