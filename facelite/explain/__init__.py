"""What a network sees: which parts of two faces made their distance, and what excites its units."""
