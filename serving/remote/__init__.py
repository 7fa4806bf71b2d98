"""The client's parts: connection, splitting, pictures, commands."""
