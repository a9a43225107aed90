"""Pictures of what a pipeline made, as PNG files, by Matplotlib.

canvas        figures measured in pixels, text that is never TeX, images in any size
images        a sheet of images with class names; one image in raw values
predictions   an image beside the bar chart of its class probabilities; a sheet of them
curves        learning curves
album         all of them, from a run's artifacts
"""
