"""The page: templates, styles and scripts, served by app.api."""
