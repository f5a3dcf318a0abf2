"""Curation of data beside the field's own libraries: near-duplicate search, its cost by size, anonymization."""
