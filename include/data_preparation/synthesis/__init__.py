"""Models of tables, what they give away, and texts that are asked for."""
