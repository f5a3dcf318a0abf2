"""From use to the next dataset: what is kept of it, what users say, and when a model is trained again."""
