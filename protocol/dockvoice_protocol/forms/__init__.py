"""Forms, catalogues and the grammar of spoken forms. Reads files and does no other input or output."""
