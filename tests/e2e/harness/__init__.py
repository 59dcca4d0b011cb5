"""Drives JupyterLab through its own commands, and the explorer through its accessible names."""
