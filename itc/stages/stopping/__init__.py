"""As many draws as it takes, and draws stopped under way."""
