"""The charts of a report: each file here makes one :class:`~reports._charts.chart.Chart` from a recording.

A chart is data; ``drawing.py`` turns it into a Bokeh figure and ``table.py`` into the table below it.
"""
