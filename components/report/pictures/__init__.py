"""Draw pictures of the results of a run as PNG files, with Matplotlib.

canvas        make figures measured in pixels, write plain text, paste images of any size
images        draw a sheet of images with class names, or the raw values of one image
predictions   draw images beside the bar charts of their class probabilities
curves        draw learning curves
album         draw all pictures from the artifacts of a run
"""
