"""The commands about one model: predict, gate, push, serving, rollback, trust."""
