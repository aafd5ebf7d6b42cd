"""Doors for programs: OpenAI's fine-tuning API over this installation, and a REST API of its own."""
