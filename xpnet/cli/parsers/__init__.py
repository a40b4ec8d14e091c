"""The arguments of each command; its module is imported when the command runs."""
