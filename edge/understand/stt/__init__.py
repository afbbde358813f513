"""What turns sound into text, one module for each way a service wants to be asked."""
