"""Tests over a real JupyterLab in a real Chromium, with the network off."""
