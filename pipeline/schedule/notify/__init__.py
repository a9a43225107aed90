"""Notifies people of a schedule's events: by a command, a webhook, a chat or mail."""
