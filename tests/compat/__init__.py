"""BertViz's functions, compared with BertViz itself."""
