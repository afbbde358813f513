"""An audio or text model is asked with the form's tools, and its answer is not believed blindly."""
