"""What becomes a question, and what training must not contain."""
