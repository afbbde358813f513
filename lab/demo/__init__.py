"""`dockvoice demo`: a trailer is received by voice, over a real broker and with one that fails, up to its dossier."""
