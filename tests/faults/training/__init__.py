"""Kills of ranks, launchers and owners of training jobs, and what their losses and batches must be afterwards."""
