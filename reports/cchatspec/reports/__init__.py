"""Results: the model that is written to `results.json`, and what is rendered from it."""
