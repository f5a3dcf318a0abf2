"""Pairs of a better and a worse answer: where they come from, and which may be trained on."""
