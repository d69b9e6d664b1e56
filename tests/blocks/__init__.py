"""What an application can ask for."""
