"""Servers and instances by demand: one pure decision, the document that says it, and what carries it out."""
