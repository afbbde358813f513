"""The inventory for other systems' programs: a REST API, described by OpenAPI 3.1."""
