"""What may be said, and what it means: forms, catalogues and spoken forms, free of any input or output but files."""
