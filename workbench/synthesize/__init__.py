"""Scenarios, and the conversations written from them."""
