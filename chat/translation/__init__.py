"""Dialogues in another language than the persona's: what is translated, by whom, and with whose consent."""
