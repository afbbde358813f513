"""The device's voice: what is to be said becomes sound at the headset's speaker."""
