"""Personal data and secrets in texts: found, and replaced by what stands for them."""
