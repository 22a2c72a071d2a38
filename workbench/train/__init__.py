"""Train: a base model, a backend, and the fine-tuning that compiles the procedure."""
