"""What rates candidates."""
