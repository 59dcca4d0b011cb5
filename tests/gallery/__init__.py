"""The gallery: the whole front end over prepared data, in a real Chromium, without a kernel."""
