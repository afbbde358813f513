"""The REST API for other systems' programs, described by OpenAPI 3.1."""
