"""`xpnet search`: the best settings for a table, by trials of many processes."""
