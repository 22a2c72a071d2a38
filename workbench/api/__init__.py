"""Models over the API: any OpenAI-compatible chat endpoint, with every call on record and a cap."""
