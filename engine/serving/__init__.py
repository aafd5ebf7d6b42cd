"""The inference server: OpenAI's API over one base model and the adapters trained on it."""
