"""Conversations are screened, looked at, and turned into rows for training."""
