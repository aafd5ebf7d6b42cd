"""The persona in Telegram: the same dialogue services as the web, spoken through Telegram's Bot API."""
