"""What is taken out of a text, and for what a text is dropped."""
