"""What a site is told: its master data, its roster, its expected lists and its words, made and published."""
