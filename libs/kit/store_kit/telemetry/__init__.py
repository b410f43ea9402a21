"""What is watched: logs, metrics, security events."""
