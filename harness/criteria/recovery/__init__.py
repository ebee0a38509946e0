"""Did the target come back, and what did it keep?"""
