"""What becomes `replay.py`: modules that need Python 3.8 and its standard library alone, and nothing of ours but each other.

`cchatspec.fuzz.alone` puts them into one file, with a finding. So they keep to the words of Python 3.8, and no name stands in
two of them.
"""
