"""The loop from use to the next model, closed on a running stack."""
