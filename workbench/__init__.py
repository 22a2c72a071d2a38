"""Compile a written procedure into the weights of a small model, and measure what it kept."""

__version__ = "0.1.0"
