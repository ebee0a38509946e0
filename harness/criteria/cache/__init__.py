"""Do a cache and its origin agree, and what does the cache take off?"""
