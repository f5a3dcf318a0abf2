"""What a package is made of: weights for an engine, adapters beside them, checks, licences."""
