"""What a person decides: reviews of devices, and flags that rules raise."""
