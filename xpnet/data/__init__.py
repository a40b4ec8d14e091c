"""Data from users: arrays converted, checked and cut into batches."""
