"""What is accepted from users: arrays converted, checked, and cut into batches."""
