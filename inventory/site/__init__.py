"""A site's data: master data, roster, expected lists and words, stored and published to devices."""
