"""Who we are to a service, and how a request reaches it: connections, keys, retries, and what can fail."""
