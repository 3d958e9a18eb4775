"""Review: what people should look at first goes out, their decisions come in as corrections.

``items`` gathers what is to be judged, ``priority`` orders it, ``sheet`` and ``label_studio`` write it, ``decisions`` reads it
back, ``importing`` makes corrections of it, ``store`` and ``server`` are the local review page. Nothing is imported here.
"""
