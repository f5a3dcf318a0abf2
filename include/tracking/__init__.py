"""Copies runs, curves and champions to MLflow, from what the store holds."""
