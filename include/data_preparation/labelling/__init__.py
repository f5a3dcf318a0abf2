"""Votes, the model that weighs them, what doubts them, and what people say."""
