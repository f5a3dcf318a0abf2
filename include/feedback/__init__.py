"""What users say of answers: what is written of it, where it lies in the store, and how it stood at a moment."""
