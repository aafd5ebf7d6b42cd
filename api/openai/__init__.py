"""OpenAI's API over this installation, as far as fine-tuning and talking to the result need it (docs/open-door.md)."""
