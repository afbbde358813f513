"""The agent: what joins the rooms, and keeps them at work for months."""
