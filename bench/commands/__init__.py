"""What the commands of `bench` do."""
