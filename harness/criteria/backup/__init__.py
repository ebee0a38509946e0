"""Does a backup have what it should, does each of its steps do what it should, and what does it cost the users?"""
