"""`genai lineage`: from an answer back to its records, and from a record forward to what serves."""
