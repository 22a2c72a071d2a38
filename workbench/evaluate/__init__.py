"""Simulated customers talk to each condition; what comes of it is measured and compared."""
