"""The OpenAI-compatible gateway in front of Triton: `python -m include.inferencing.gateway`."""
