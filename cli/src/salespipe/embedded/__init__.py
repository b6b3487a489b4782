"""Real servers out of Python packages, and the supervisor that keeps them and the services up."""
