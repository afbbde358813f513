"""On-device recognisers: weights, incremental recognition, calibrated confidence."""
