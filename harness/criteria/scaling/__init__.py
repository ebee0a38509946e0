"""Do replicas follow the load?"""
