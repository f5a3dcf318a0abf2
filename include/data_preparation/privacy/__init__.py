"""How personal data is found, replaced, and looked for once more."""
