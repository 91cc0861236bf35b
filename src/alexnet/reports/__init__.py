"""Reports: one self-contained page, and the same in Markdown, made from results alone."""
