"""The voices that can speak to the operator: each text as 16 kHz sound."""
