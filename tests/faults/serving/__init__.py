"""Rollouts under traffic, while what serves is killed."""
