"""Audio and text models, called with the form's tools; their answers are validated."""
