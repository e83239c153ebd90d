"""The cases, one module for each family of clauses.

A case is a stimulus, a blank line, and one assertion of what came against what is right. Its id is its clause and its name.
"""
