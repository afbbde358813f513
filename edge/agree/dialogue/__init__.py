"""The dialogue with the operator: events come in, orders go out. Pure; `machine` is where to begin."""
