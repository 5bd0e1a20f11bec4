"""One command a file; each has the click command as `command` and imports what is heavy inside its body."""
