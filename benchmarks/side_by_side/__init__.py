"""Tasks that compute beside one another."""
