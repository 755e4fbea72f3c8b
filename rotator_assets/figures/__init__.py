"""Every picture of the project, one function each, and the study report that gathers them.

A picture is a function of plain frames and arrays that returns a Matplotlib ``Figure``: no Dagster, no files, no
pyplot. Matplotlib is imported when the first figure is made, so importing these modules costs nothing.
"""
