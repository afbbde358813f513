-- Events are signed. Those from before stay as they are: NULL for public key (32 bytes, in hex) and signature.

ALTER TABLE audit ADD COLUMN public_key TEXT;
ALTER TABLE audit ADD COLUMN signature TEXT;
