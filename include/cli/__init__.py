"""The `genai` command."""
