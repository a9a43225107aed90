"""Whom to tell of a schedule, and how: commands, webhooks, chats and mail."""
