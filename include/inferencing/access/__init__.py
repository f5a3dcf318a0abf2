"""Who may ask which model, and how much: tenants and their API keys, one document of the store."""
