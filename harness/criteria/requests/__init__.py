"""Were requests answered well, and soon?"""
