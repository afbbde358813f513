"""Sound devices in both directions: PortAudio, the sound server's routing, frames and levels."""
