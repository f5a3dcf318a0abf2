"""Kills of writers, readers, sweepers and the server at random moments, and what must be so afterwards."""
